"""The SQL that fills a column from a value or from another column. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

from collections.abc import Sequence

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.filters import Arguments, where
from core.connector.tables.migrations import Transform
from core.connector.values import convert
from core.errors import InputError

_NUMBERS = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)


def transform(table: TableInfo, operation: Transform) -> tuple[str, Sequence[object]]:
    """One UPDATE over the rows meant, deleted ones included; `updated_at` stays, nobody touched the row.

    Raises:
        InputError: a column, value or filter does not fit.
    """
    column = table.column(operation.column)
    arguments = Arguments()
    new, only = _source(table, column, operation, arguments)
    conditions = [] if operation.overwrite else [f"{column.quoted} is null"]
    conditions += [only] if only else []
    everything = {} if not table.soft_deletes else {"is_deleted": {"in": [True, False]}}
    found = where(table, {**everything, **operation.where}, None, arguments)
    if conditions:
        found += f"{' and' if found else ' where'} {' and '.join(conditions)}"
    return f"update {table.quoted} set {column.quoted} = {new}{found}", arguments.values


def _source(table: TableInfo, column: ColumnInfo, operation: Transform, arguments: Arguments) -> tuple[str, str | None]:
    """The new value, and a condition on the old one."""
    if operation.source is None:
        return arguments.add(convert(column, operation.value, table.label)), None
    source = table.column(operation.source)
    if operation.mapping is not None:
        olds = arguments.add(list(operation.mapping))
        news = arguments.add([convert(column, one, table.label) for one in operation.mapping.values()])
        text = f"{source.quoted}::text"
        return (
            f"({news}::{column.sql_type}[])[array_position({olds}::text[], {text})]",
            f"{text} = any ({olds}::text[])",
        )
    if operation.factor == 1 and operation.offset == 0:
        return f"{source.quoted}::{column.sql_type}", f"{source.quoted} is not null"
    if source.kind not in _NUMBERS or column.kind not in _NUMBERS:
        raise InputError(
            "factor and offset are for numbers", received=f"{source.name} to {column.name}", where=table.label
        )
    scaled = f"{source.quoted}::float8 * {arguments.add(operation.factor)} + {arguments.add(operation.offset)}"
    return f"({scaled})::{column.sql_type}", f"{source.quoted} is not null"
