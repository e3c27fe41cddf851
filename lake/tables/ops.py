"""Tables of the ops layer."""

from __future__ import annotations

from lake.spec import TableSpec

TABLES: tuple[TableSpec, ...] = ()
