"""Columns that are declared after a table was made: null in its older rows, added when it is written again."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, Schema

from lake.spec import TableSpec


def empty(spec: TableSpec) -> pl.DataFrame:
    """No rows under a table's schema."""
    return pl.DataFrame(spec.schema.empty_table())


def grow(spec: TableSpec, table: DeltaTable) -> bool:
    """Add the columns a table lacks; True if there were any."""
    lacking = _lacking(spec, table)
    new = [field for field in Schema.from_arrow(spec.schema).fields if field.name in lacking and field.nullable]
    if new:
        table.alter.add_columns(new)
    return bool(new)


def padded(spec: TableSpec, table: DeltaTable, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of a table with the columns it lacks."""
    kinds = empty(spec).schema
    return rows.with_columns([pl.lit(None, dtype=kinds[name]).alias(name) for name in _lacking(spec, table)])


def widened(spec: TableSpec, table: DeltaTable, schema: pa.Schema) -> pa.Schema:
    """A schema of what a table holds, with the columns it lacks behind it."""
    return pa.schema([*schema, *(spec.schema.field(name).with_nullable(True) for name in _lacking(spec, table))])


def _lacking(spec: TableSpec, table: DeltaTable) -> list[str]:
    known = {field.name for field in table.schema().fields}
    return [name for name in spec.schema.names if name not in known]
