"""The platform database and its roles; every role but the lookup signs in with a password of the run folder."""

from __future__ import annotations

PLATFORM = "platform"
"""Name of the database all tenants share."""
OWNER = "goldlayer_owner"
"""Owns the tables and is held to their policies all the same; migrates, and moves whole tenants."""
APP = "goldlayer_app"
"""What the product works as: row-level security shows it the transaction's tenant, without one nothing."""
ADMIN = "goldlayer_admin"
"""Looks past row-level security; only `core.audit.admin` connects as it, and records every use first."""
LOOKUP = "goldlayer_lookup"
"""Nobody signs in as it: it owns the few functions that find out whose a slug, a key or an address is."""
