"""Statements that read rows, built from checked names; values are always parameters. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.filters import Arguments, Filters, where
from core.connector.given import as_list
from core.connector.values import convert, expectation
from core.connector.windows import TimeRange
from core.errors import InputError

MOST_ROWS = 50_000
"""Rows one call returns at most."""
OrderBy = str | Sequence[str]
Statement = tuple[str, list[Any]]
_ORDER = re.compile(r"\s*(?P<name>\S+)(?:\s+(?P<way>asc|desc))?\s*", re.IGNORECASE)


def select(
    table: TableInfo,
    filters: Filters | None,
    time_range: TimeRange | None,
    order_by: OrderBy | None,
    limit: int | None,
    columns: Sequence[str] | None,
) -> Statement:
    """Rows of a table; without a limit one more than may be returned, so that too many are noticed."""
    sql, arguments = _rows(table, filters, time_range, order_by, columns)
    return f"{sql} limit {arguments.add(checked_limit(limit, table))}", arguments.values


def select_all(
    table: TableInfo,
    filters: Filters | None,
    time_range: TimeRange | None,
    order_by: OrderBy | None,
    columns: Sequence[str] | None,
) -> Statement:
    """Rows of a table, however many."""
    sql, arguments = _rows(table, filters, time_range, order_by, columns)
    return sql, arguments.values


def _rows(
    table: TableInfo,
    filters: Filters | None,
    time_range: TimeRange | None,
    order_by: OrderBy | None,
    columns: Sequence[str] | None,
) -> tuple[str, Arguments]:
    arguments = Arguments()
    names = as_list(columns or (), "columns", table.label, example='["id", "value"]')
    shown = ", ".join(table.column(name).quoted for name in names) or "*"
    sql = f"select {shown} from {table.quoted}{where(table, filters, time_range, arguments)}"
    return sql + order(order_by, table.names, table), arguments


def checked_limit(limit: object, table: TableInfo) -> int:
    """A limit as the server gets it."""
    if limit is None:
        return MOST_ROWS + 1
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_ROWS:
        raise InputError("limit is out of range", expected=f"1 to {MOST_ROWS}", received=limit, where=table.label)
    return limit


def order(order_by: OrderBy | None, choices: Mapping[str, str], table: TableInfo) -> str:
    """The ORDER BY clause over some names and what they are in SQL."""
    if not order_by:
        return ""
    parts: list[str] = []
    listed = order_by.split(",") if isinstance(order_by, str) else order_by
    for text in as_list(listed, "order_by", table.label, example='["ts desc", "id"]'):
        match = _ORDER.fullmatch(text) if isinstance(text, str) else None
        if match is None or match["name"] not in choices:
            raise InputError(
                "cannot order by this",
                expected=f"<column> or <column> desc, column one of {', '.join(choices)}",
                received=text,
                where=table.label,
            )
        parts.append(f"{choices[match['name']]} {(match['way'] or 'asc').lower()}")
    return f" order by {', '.join(parts)}"


def nearest(
    table: TableInfo,
    vector: Sequence[float],
    top_k: int,
    filters: Filters | None,
    time_range: TimeRange | None,
    vector_column: str | None,
) -> Statement:
    """Rows by cosine distance to a vector, nearest first, without the vector, with `distance` and `similarity`."""
    column = _vector_column(table, vector_column)
    arguments = Arguments()
    numbers = convert(column, vector, table.label)
    if numbers is None:
        raise InputError("a search needs a vector", expected=expectation(column), where=table.label)
    target = arguments.add(numbers)
    shown = "".join(f"{other.quoted}, " for other in table.columns.values() if other.kind is not Kind.VECTOR)
    distance = f"{column.quoted} <=> {target}"
    found = where(table, filters, time_range, arguments)
    if column.nullable:
        found += f"{' and' if found else ' where'} {column.quoted} is not null"
    sql = f"select {shown}{distance} as distance, 1 - ({distance}) as similarity from {table.quoted}{found}"
    return f"{sql} order by {distance} limit {arguments.add(checked_limit(top_k, table))}", arguments.values


def _vector_column(table: TableInfo, name: str | None) -> ColumnInfo:
    vectors = [column for column in table.columns.values() if column.kind is Kind.VECTOR]
    if name is not None:
        vectors = [column for column in vectors if column.name == table.column(name).name]
    if len(vectors) != 1:
        raise InputError(
            "which vector column?" if vectors else "no such vector column",
            expected=", ".join(c.name for c in table.columns.values() if c.kind is Kind.VECTOR) or "a vector column",
            received=name,
            where=table.label,
            next_step="pass vector_column" if vectors else None,
        )
    return vectors[0]
