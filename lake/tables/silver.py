"""Tables of the silver layer."""

from __future__ import annotations

from lake.spec import TableSpec

TABLES: tuple[TableSpec, ...] = ()
