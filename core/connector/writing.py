"""Statements that store and change rows, built from checked names; values are always parameters. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.connector.columns import TableInfo
from core.connector.filters import Arguments, Filters, where
from core.connector.given import as_list, as_mapping
from core.connector.reading import Statement
from core.connector.values import convert
from core.connector.writer import RowValues, other_columns, touched, writer_for
from core.errors import InputError


def insert(table: TableInfo, rows: Sequence[RowValues]) -> Statement:
    """Rows into a table, all of the same columns; gives them back as they were stored."""
    return writer_for(table, rows).insert(rows)


def upsert(table: TableInfo, rows: Sequence[RowValues], key: Sequence[str]) -> Statement:
    """Rows into a table; one that has the same key is changed instead."""
    names = tuple(table.column(name).name for name in as_list(key, "key", table.label, example='["id"]'))
    return writer_for(table, rows).upsert(rows, names)


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
    sets += touched(table, list(values))
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
        raise other_columns(table, names, row, position)
    return [convert(table.column(name), row[name], table.label) for name in names]
