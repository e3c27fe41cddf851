"""Statements of the connector, built from checked names; values are always parameters. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.connector.catalogue import ColumnInfo, Kind, TableInfo
from core.connector.filters import Arguments, Filters, TimeRange, where
from core.connector.values import as_array, convert, convert_all
from core.errors import InputError

MOST_ROWS = 50_000
"""Rows one call returns at most."""
_ORDER = re.compile(r"\s*(?P<name>\S+)(?:\s+(?P<way>asc|desc))?\s*", re.IGNORECASE)
_METRIC = re.compile(r"\s*(?P<function>[a-z]+)\(\s*(?P<name>\*|[^()\s]+)\s*\)\s*", re.IGNORECASE)
_METRICS = ("count", "sum", "avg", "min", "max")
_NUMBERS = (Kind.INTEGER, Kind.FLOAT)
_Row = Mapping[str, object]
Statement = tuple[str, list[Any]]


def select(
    table: TableInfo,
    filters: Filters | None,
    time_range: TimeRange | None,
    order_by: str | Sequence[str] | None,
    limit: int | None,
    columns: Sequence[str] | None,
) -> Statement:
    """Rows of a table; without a limit one more than may be returned, so that too many are noticed."""
    arguments = Arguments()
    shown = ", ".join(table.column(name).quoted for name in columns) if columns else "*"
    sql = f"select {shown} from {table.quoted}{where(table, filters, time_range, arguments)}"
    sql += _order(order_by, {name: column.quoted for name, column in table.columns.items()}, table)
    return f"{sql} limit {arguments.add(_limit(limit, table))}", arguments.values


def _limit(limit: object, table: TableInfo) -> int:
    if limit is None:
        return MOST_ROWS + 1
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_ROWS:
        raise InputError("limit is out of range", expected=f"1 to {MOST_ROWS}", received=limit, where=table.label)
    return limit


def _order(order_by: str | Sequence[str] | None, choices: Mapping[str, str], table: TableInfo) -> str:
    if not order_by:
        return ""
    parts: list[str] = []
    for text in order_by.split(",") if isinstance(order_by, str) else order_by:
        match = _ORDER.fullmatch(text)
        if match is None or match["name"] not in choices:
            raise InputError(
                "cannot order by this",
                expected=f"<column> or <column> desc, column one of {', '.join(choices)}",
                received=text,
                where=table.label,
            )
        parts.append(f"{choices[match['name']]} {(match['way'] or 'asc').lower()}")
    return f" order by {', '.join(parts)}"


def insert(table: TableInfo, rows: Sequence[_Row]) -> Statement:
    """Rows into a table, all of the same columns; gives them back as they were stored."""
    head, arguments = _source(table, _by_column(table, rows))
    return f"{head} returning *", arguments.values


def upsert(table: TableInfo, rows: Sequence[_Row], key: Sequence[str]) -> Statement:
    """Rows into a table; one that has the same key is changed instead."""
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
        raise InputError("a row lacks its key", received=", ".join(missing), where=table.label)
    keys = list(zip(*(values[name] for name in key), strict=True))
    if len(set(keys)) != len(keys):
        raise InputError("a key occurs twice in the same call", received=", ".join(key), where=table.label)
    head, arguments = _source(table, values)
    changed = [table.column(name).quoted for name in values if name not in key] or [columns[0].quoted]
    sets = [f"{name} = excluded.{name}" for name in changed]
    sets += _touched(table, rows[0])
    if table.soft_deletes and "is_deleted" not in rows[0]:
        sets.append('"is_deleted" = false')
    targets = ", ".join(column.quoted for column in columns)
    return f"{head} on conflict ({targets}) do update set {', '.join(sets)} returning *", arguments.values


def _touched(table: TableInfo, given: _Row) -> list[str]:
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
        kind, cast, array = as_array(column, values[column.name])
        arrays.append(f"{arguments.add(array)}::{kind}")
        elements.append(f"source.{column.quoted}{cast}")
    return f"{head} select {', '.join(elements)} from unnest({', '.join(arrays)}) as source({names})", arguments


def _by_column(table: TableInfo, rows: Sequence[_Row]) -> dict[str, list[Any]]:
    """Checked values of each column, in the order of the rows."""
    if not rows or not rows[0]:
        raise InputError("nothing to store", expected="at least one row with a column", where=table.label)
    names = rows[0].keys()
    for position, row in enumerate(rows):
        if row.keys() != names:
            raise InputError(
                f"row {position} has other columns than the first",
                expected=", ".join(names),
                received=", ".join(row),
                where=table.label,
            )
    return {name: convert_all(table.column(name), [row[name] for row in rows], table.label) for name in names}


def update(table: TableInfo, filters: Filters, values: _Row) -> Statement:
    """Change matching rows; gives them back."""
    if not filters:
        raise InputError("an update needs a filter", where=table.label, next_step="name the rows to change")
    if not values:
        raise InputError("nothing to change", expected="at least one column", where=table.label)
    arguments = Arguments()
    sets = [
        f"{column.quoted} = {arguments.add(convert(column, values[column.name], table.label))}"
        for column in map(table.column, values)
    ]
    sets += _touched(table, values)
    found = where(table, filters, None, arguments)
    return f"update {table.quoted} set {', '.join(sets)}{found} returning *", arguments.values


def mark_deleted(table: TableInfo, filters: Filters) -> Statement:
    """Mark matching rows as deleted; gives them back."""
    if not table.soft_deletes:
        raise InputError("rows of this table cannot be deleted", expected="a column is_deleted", where=table.label)
    return update(table, filters, {"is_deleted": True})


def aggregate(
    table: TableInfo,
    group_by: Sequence[str],
    metrics: Sequence[str],
    filters: Filters | None,
    time_range: TimeRange | None,
    order_by: str | Sequence[str] | None,
    limit: int | None,
) -> Statement:
    """One row a group: the grouping columns, then the metrics as `avg_value`, `count`."""
    if not metrics:
        raise InputError("an aggregate needs a metric", expected="for example avg(value)", where=table.label)
    arguments = Arguments()
    groups = {name: table.column(name).quoted for name in group_by}
    shown = dict(_metric(table, text) for text in metrics)
    outputs = {**groups, **{name: f'"{name}"' for name in shown}}
    columns = [*groups.values(), *(f'{expression} as "{name}"' for name, expression in shown.items())]
    sql = f"select {', '.join(columns)} from {table.quoted}{where(table, filters, time_range, arguments)}"
    if groups:
        sql += f" group by {', '.join(groups.values())}"
    sql += _order(order_by, outputs, table)
    return f"{sql} limit {arguments.add(_limit(limit, table))}", arguments.values


def _metric(table: TableInfo, text: str) -> tuple[str, str]:
    match = _METRIC.fullmatch(text)
    function = match["function"].lower() if match else ""
    if match is None or function not in _METRICS or (match["name"] == "*" and function != "count"):
        raise InputError(
            "no such metric",
            expected=f"count(*) or {', '.join(_METRICS)} of a column, for example avg(value)",
            received=text,
            where=table.label,
        )
    if match["name"] == "*":
        return "count", "count(*)"
    column = table.column(match["name"])
    if function in ("sum", "avg") and column.kind not in _NUMBERS:
        raise InputError(f"{function} needs a number", received=column.name, where=table.label)
    # PostgreSQL answers with numeric, which arrives as Decimal; sums of whole numbers stay whole.
    result = {"avg": "::float8", "sum": "::bigint" if column.kind is Kind.INTEGER else "::float8"}.get(function, "")
    return f"{function}_{column.name}".replace('"', ""), f"{function}({column.quoted}){result}"


def nearest(
    table: TableInfo, vector: Sequence[float], top_k: int, filters: Filters | None, vector_column: str | None
) -> Statement:
    """Rows by cosine distance to a vector, nearest first, without the vector, with `distance` and `similarity`."""
    column = _vector_column(table, vector_column)
    arguments = Arguments()
    target = arguments.add(convert(column, vector, table.label))
    shown = "".join(f"{other.quoted}, " for other in table.columns.values() if other.kind is not Kind.VECTOR)
    distance = f"{column.quoted} <=> {target}"
    sql = (
        f"select {shown}{distance} as distance, 1 - ({distance}) as similarity"
        f" from {table.quoted}{where(table, filters, None, arguments)}"
    )
    return f"{sql} order by {distance} limit {arguments.add(_limit(top_k, table))}", arguments.values


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
        )
    return vectors[0]
