"""Statements that store and change rows, built from checked names; values are always parameters. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from core.connector.columns import Kind, TableInfo
from core.connector.filters import Arguments, Filters, where
from core.connector.given import as_list, as_mapping
from core.connector.reading import Statement
from core.connector.values import as_array, convert, convert_all
from core.errors import InputError

RowValues = Mapping[str, object]


def insert(table: TableInfo, rows: Sequence[RowValues]) -> Statement:
    """Rows into a table, all of the same columns; gives them back as they were stored."""
    head, arguments = _source(table, _by_column(table, rows))
    return f"{head} returning *", arguments.values


def upsert(table: TableInfo, rows: Sequence[RowValues], key: Sequence[str]) -> Statement:
    """Rows into a table; one that has the same key is changed instead."""
    as_list(key, "key", table.label, example='["id"]')
    columns = [table.column(name) for name in key]
    if frozenset(key) not in table.keys:
        raise InputError(
            "no unique key over these columns",
            expected=" or ".join(sorted(f"({', '.join(sorted(k))})" for k in table.keys)) or "a table with a key",
            received=", ".join(key),
            where=table.label,
        )
    values = _by_column(table, rows)
    missing = [name for name in key if name not in values]
    if missing:
        raise InputError("a row lacks its key", expected=", ".join(key), received=", ".join(values), where=table.label)
    parts = [list(map(_hashable, values[name])) for name in key]
    keys = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
    if len(set(keys)) != len(keys):
        raise InputError(
            "a key occurs twice in the same call",
            received=", ".join(key),
            where=table.label,
            next_step="send one row a key: which of two would count is not defined",
        )
    head, arguments = _source(table, values)
    changed = [table.column(name).quoted for name in values if name not in key] or [columns[0].quoted]
    sets = [f"{name} = excluded.{name}" for name in changed]
    sets += _touched(table, rows[0])
    if table.soft_deletes and "is_deleted" not in rows[0]:
        sets.append('"is_deleted" = false')
    targets = ", ".join(column.quoted for column in columns)
    return f"{head} on conflict ({targets}) do update set {', '.join(sets)} returning *", arguments.values


def update(table: TableInfo, filters: Filters, values: RowValues) -> Statement:
    """Change matching rows; gives them back."""
    if not filters:
        raise InputError("an update needs a filter", where=table.label, next_step="name the rows to change")
    if not as_mapping(values, "values", table.label, example='{"acknowledged": true}'):
        raise InputError("nothing to change", expected="at least one column", where=table.label)
    arguments = Arguments()
    sets = [
        f"{column.quoted} = {arguments.add(convert(column, values[column.name], table.label))}"
        for column in map(table.column, values)
    ]
    sets += _touched(table, values)
    found = where(table, filters, None, arguments)
    return f"update {table.quoted} set {', '.join(sets)}{found} returning *", arguments.values


def mark(table: TableInfo, filters: Filters, deleted: bool) -> Statement:
    """Mark matching rows as deleted, or take the mark away; gives those that changed back."""
    if not table.soft_deletes:
        raise InputError("rows of this table cannot be deleted", expected="a column is_deleted", where=table.label)
    if not filters:
        raise InputError("this needs a filter", where=table.label, next_step="name the rows to change")
    if not deleted and "is_deleted" in filters:
        raise InputError("only deleted rows are restored", expected="filters without is_deleted", where=table.label)
    return update(table, filters if deleted else {**filters, "is_deleted": True}, {"is_deleted": deleted})


def fitting(table: TableInfo, row: RowValues) -> TableInfo:
    """The table, if it has all columns of a row.

    Raises:
        InputError: the row has none, or one that does not exist.
    """
    if not isinstance(row, Mapping) or not row:  # pyright: ignore[reportUnnecessaryIsInstance]  comes from a module
        raise InputError("rows are mappings from column to value", received=row, where=table.label)
    for name in row:
        table.column(name)
    return table


def record(table: TableInfo, names: Sequence[str], row: RowValues, position: int) -> list[Any]:
    """One row's checked values in the order of some columns, for COPY."""
    if set(row) != set(names):
        raise _other_columns(table, names, row, position)
    return [convert(table.column(name), row[name], table.label) for name in names]


def _hashable(value: Any) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _touched(table: TableInfo, given: RowValues) -> list[str]:
    column = table.columns.get("updated_at")
    stamped = column is not None and column.kind is Kind.TIMESTAMP and "updated_at" not in given
    return ['"updated_at" = now()'] if stamped else []


def _source(table: TableInfo, values: Mapping[str, list[Any]]) -> tuple[str, Arguments]:
    columns = [table.columns[name] for name in values]
    arguments = Arguments()
    names = ", ".join(column.quoted for column in columns)
    head = f"insert into {table.quoted} ({names})"
    if len(values[columns[0].name]) == 1:
        single = [arguments.add(values[column.name][0]) for column in columns]
        return f"{head} values ({', '.join(single)})", arguments
    arrays: list[str] = []
    elements: list[str] = []
    for column in columns:
        kind, expression, array = as_array(column, values[column.name])
        arrays.append(f"{arguments.add(array)}::{kind}")
        elements.append(expression.replace("{0}", f"source.{column.quoted}"))
    return f"{head} select {', '.join(elements)} from unnest({', '.join(arrays)}) as source({names})", arguments


def _by_column(table: TableInfo, rows: Sequence[RowValues]) -> dict[str, list[Any]]:
    """Checked values of each column, in the order of the rows."""
    if not rows or not rows[0]:
        raise InputError("nothing to store", expected="at least one row with a column", where=table.label)
    names = list(rows[0])
    columns = [table.column(name) for name in names]
    values = _turned(table, rows, names)
    return {column.name: convert_all(column, each, table.label) for column, each in zip(columns, values, strict=True)}


def _turned(table: TableInfo, rows: Sequence[RowValues], names: list[str]) -> list[list[Any]]:
    """Values by column. Dicts of one length that have every name have no other; rows of other kinds are compared."""
    wanted = set(names)
    if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(names)}:
        for position, row in enumerate(rows):
            if set(row) != wanted:
                raise _other_columns(table, names, row, position)
    try:
        return [list(map(itemgetter(name), rows)) for name in names]
    except KeyError:
        odd = next(position for position, row in enumerate(rows) if set(row) != wanted)
        raise _other_columns(table, names, rows[odd], odd) from None


def _other_columns(table: TableInfo, names: Sequence[str], row: RowValues, position: int) -> InputError:
    return InputError(
        f"row {position} has other columns than the first",
        expected=", ".join(names),
        received=", ".join(row),
        where=table.label,
    )
