"""The SQL that gives a column its new declaration. Pure."""

from __future__ import annotations

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.tables import ddl
from core.connector.tables.migrations import AlterColumn
from core.connector.tables.names import name_of
from core.db.identifiers import quote_identifier as quote
from core.errors import InputError

_WIDER = {
    Kind.INTEGER: (Kind.INTEGER, Kind.DECIMAL, Kind.STRING),
    Kind.DECIMAL: (Kind.DECIMAL, Kind.STRING),
    Kind.FLOAT: (Kind.FLOAT, Kind.STRING),
    Kind.BOOLEAN: (Kind.BOOLEAN, Kind.STRING),
    Kind.UUID: (Kind.UUID, Kind.STRING),
    Kind.DATE: (Kind.DATE, Kind.STRING),
    Kind.STRING: (Kind.STRING,),
}
"""Kinds that hold every value of a kind."""
_NEVER = (Kind.VECTOR, Kind.JSON, Kind.OTHER)
"""Kinds no cast leads to or from."""


def alter_column(table: TableInfo, operation: AlterColumn) -> list[str]:
    """Type, null, default, checks and index as they are declared now.

    Raises:
        InputError: no such column, no way from its type to the new one, or one that loses values undeclared.
    """
    column = table.column(operation.column)
    if operation.primary_key != column.primary_key:
        raise InputError("a key stays a key", expected="the same primary_key", where=f"{table.label}.{column.name}")
    alter, quoted = f"alter table {table.quoted}", quote(column.name)
    check = name_of(table.name, (column.name,), "check")
    index = name_of(table.name, (column.name,), "idx")
    # The old check and default may not fit the new type: they go first, and come back as declared.
    lines = [
        f"{alter} drop constraint if exists {quote(check)}",
        f"{alter} alter column {quoted} drop default",
    ]
    if operation.sql_type != column.sql_type:
        _check_way(table, column, operation)
        lines.append(f"drop index if exists {quote(table.schema, index)}")
        new = operation.sql_type
        lines.append(f"{alter} alter column {quoted} type {new} using {quoted}::{new}")
    default = ddl.default_of(column.name, operation)
    lines += [f"{alter} alter column {quoted} set default {default}"] if default is not None else []
    lines.append(f"{alter} alter column {quoted} {'drop' if operation.nullable else 'set'} not null")
    if operation.checked:
        lines.append(f"{alter} add constraint {quote(check)} {ddl.column_check(column.name, operation)}")
    if operation.indexed:
        lines.append(ddl.column_index(table.schema, table.name, column.name, operation))
    else:
        lines.append(f"drop index if exists {quote(table.schema, index)}")
    return lines


def _check_way(table: TableInfo, column: ColumnInfo, operation: AlterColumn) -> None:
    new = operation.info(column.name)
    if column.kind in _NEVER or new.kind in _NEVER or column.array != new.array:
        raise InputError(
            f"a column of {column.sql_type} cannot become {new.sql_type}",
            where=f"{table.label}.{column.name}",
            next_step="add a new column, fill it, and drop this one",
        )
    # Fewer digits, and whatever does not hold every value, loses some.
    holds_all = new.kind in _WIDER.get(column.kind, ()) and operation.precision is None
    if not holds_all and not operation.destructive:
        raise InputError(
            f"values of {column.sql_type} may be lost in {new.sql_type}",
            expected="destructive: true",
            where=f"{table.label}.{column.name}",
            next_step="declare the operation destructive, or add a new column",
        )
