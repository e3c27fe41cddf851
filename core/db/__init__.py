"""The one door to PostgreSQL: pools, transactions that carry a tenant, named SQL, roles and databases, migrations."""

from core.db.database import Database, Listener, Transaction
from core.db.pools import Pools
from core.db.scope import TenantScope

__all__ = ["Database", "Listener", "Pools", "TenantScope", "Transaction"]
