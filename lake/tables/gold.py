"""Tables of the gold layer."""

from __future__ import annotations

from lake.spec import TableSpec

TABLES: tuple[TableSpec, ...] = ()
