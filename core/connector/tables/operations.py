"""The SQL of one migration operation on the tables as they are now; nothing where it is done already. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.connector.columns import ColumnInfo, TableInfo
from core.connector.tables import ddl
from core.connector.tables import migrations as m
from core.connector.tables.alter import alter_column
from core.connector.tables.declaration import comparison
from core.connector.tables.names import SUFFIXES, name_of
from core.connector.tables.transform import transform
from core.db.identifiers import quote_identifier as quote
from core.errors import InputError

Statement = tuple[str, Sequence[object]]
Tables = Mapping[str, TableInfo]


def statements(schema: str, tables: Tables, operation: m.Operation) -> list[Statement]:
    """What brings one operation about.

    Raises:
        InputError: it does not fit the tables that are there.
    """
    if isinstance(operation, m.CreateTable):
        made = [] if operation.table in tables else ddl.create_table(schema, operation.table, operation)
        return [(sql, ()) for sql in made]
    if isinstance(operation, m.DropTable):
        return [(f"drop table {quote(schema, operation.table)}", ())] if operation.table in tables else []
    table = tables.get(operation.table)
    if table is None:
        raise InputError(
            f"{operation.action} names a table that is not there",
            expected=", ".join(sorted(tables)) or "a table",
            received=operation.table,
            where=schema,
        )
    if isinstance(operation, m.Transform):
        return [transform(table, operation)]
    return [(sql, ()) for sql in _change(table, operation)]


def _change(table: TableInfo, operation: m.Operation) -> list[str]:
    alter = f"alter table {table.quoted}"
    match operation:
        case m.AddColumn():
            return _add_column(table, operation)
        case m.AlterColumn():
            return alter_column(table, operation)
        case m.RenameColumn():
            return _rename_column(table, operation)
        case m.DropColumn():
            return [f"{alter} drop column if exists {quote(operation.column)}"]
        case m.AddIndex():
            for column in (*operation.columns, *operation.where):
                table.column(column)
            return [ddl.declared_index(table.schema, table.name, operation)]
        case m.DropIndex():
            return [f"drop index if exists {quote(table.schema, ddl.index_name(table.name, operation))}"]
        case m.AddUnique():
            for column in operation.columns:
                table.column(column)
            name = name_of(table.name, operation.columns, "key")
            return _unless_there(table, name, f"{alter} add {ddl.unique_line(table.name, operation.columns)}")
        case m.DropUnique():
            return [f"{alter} drop constraint if exists {quote(name_of(table.name, operation.columns, 'key'))}"]
        case m.AddCheck():
            for column in comparison(operation.check)[::2]:
                table.column(column)
            name = name_of(table.name, (operation.name,), "check")
            line = ddl.check_line(table.name, operation.name, operation.check)
            return _unless_there(table, name, f"{alter} add {line}")
        case m.DropCheck():
            return [f"{alter} drop constraint if exists {quote(name_of(table.name, (operation.name,), 'check'))}"]
        case _:
            raise InputError("this operation is not known", received=operation.action, where=table.label)


def _unless_there(table: TableInfo, constraint: str, sql: str) -> list[str]:
    return [] if any(one.name == constraint for one in table.constraints) else [sql]


def _add_column(table: TableInfo, operation: m.AddColumn) -> list[str]:
    known = table.columns.get(operation.column)
    if known is not None:
        _same_type(table, known, operation)
        return []
    added = [ddl.add_column(table.schema, table.name, operation.column, operation)]
    if operation.indexed:
        added.append(ddl.column_index(table.schema, table.name, operation.column, operation))
    return added


def _same_type(table: TableInfo, known: ColumnInfo, operation: m.AddColumn) -> None:
    if known.sql_type != operation.sql_type:
        raise InputError(
            f"column {known.name!r} is there under another type",
            expected=operation.sql_type,
            received=known.sql_type,
            where=table.label,
            next_step="alter it, or add one of another name",
        )


def _rename_column(table: TableInfo, operation: m.RenameColumn) -> list[str]:
    old, new = operation.column, operation.to
    if new in table.columns and old not in table.columns:
        return []
    if new in table.columns:
        raise InputError("a column of the new name is there already", received=new, where=table.label)
    table.column(old)
    statements = [f"alter table {table.quoted} rename column {quote(old)} to {quote(new)}"]
    constraints, indexes = ({one.name for one in several} for several in (table.constraints, table.indexes))
    for before, after in _derived_names(table, old, new):
        if before in constraints:
            statements.append(f"alter table {table.quoted} rename constraint {quote(before)} to {quote(after)}")
        elif before in indexes:
            statements.append(f"alter index {quote(table.schema, before)} rename to {quote(after)}")
    return statements


def _derived_names(table: TableInfo, old: str, new: str) -> list[tuple[str, str]]:
    """Names of indexes and constraints that follow from a column's name, before and after."""
    groups = {(old,)} | {columns for columns in map(_columns_of, table.definitions()) if old in columns}
    return [
        (
            name_of(table.name, group, suffix),
            name_of(table.name, tuple(new if one == old else one for one in group), suffix),
        )
        for group in sorted(groups)
        for suffix in SUFFIXES
    ]


def _columns_of(definition: str) -> tuple[str, ...]:
    """Columns in the brackets of an index's or constraint's definition, in order."""
    inside = definition.partition("(")[2].rpartition(")")[0]
    return tuple(part.strip().strip('"') for part in inside.split(","))
