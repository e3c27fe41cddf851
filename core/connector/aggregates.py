"""Statements that count and sum, built from checked names; values are always parameters. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

import re
from collections.abc import Sequence

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.filters import Arguments, Filters, where
from core.connector.given import as_list
from core.connector.reading import OrderBy, Statement, checked_limit, order
from core.connector.windows import TimeBucket, TimeRange, bucket_sql
from core.errors import InputError

METRICS = ("count", "count_distinct", "sum", "avg", "min", "max", "stddev", "median")
"""Of one column each, beside percentiles such as `p95` or `p99.9`."""
BUCKET = "bucket"
"""Name of a time bucket's start in the result."""
_METRIC = re.compile(r"\s*(?P<function>[a-z_]+|p\d{1,2}(\.\d{1,3})?)\(\s*(?P<name>\*|[^()\s]+)\s*\)\s*", re.IGNORECASE)
_NUMBERS = (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
_ORDERED = (*_NUMBERS, Kind.STRING, Kind.TIMESTAMP, Kind.DATE)


def aggregate(
    table: TableInfo,
    group_by: Sequence[str],
    metrics: Sequence[str],
    filters: Filters | None,
    time_range: TimeRange | None,
    bucket: TimeBucket | None,
    order_by: OrderBy | None,
    limit: int | None,
) -> Statement:
    """One row a group: `bucket`, the grouping columns, then the metrics as `avg_value`, `count`."""
    if not as_list(metrics, "metrics", table.label, example='["avg(value)"]'):
        raise InputError("an aggregate needs a metric", expected='for example ["avg(value)"]', where=table.label)
    as_list(group_by, "group_by", table.label, example='["zone"]')
    arguments = Arguments()
    groups = {BUCKET: bucket_sql(table, bucket, arguments.add)} if bucket is not None else {}
    groups |= {name: table.column(name).quoted for name in group_by}
    shown = dict(_metric(table, text) for text in metrics)
    columns = [f'{sql} as "{name}"' for name, sql in (groups | shown).items()]
    sql = f"select {', '.join(columns)} from {table.quoted}{where(table, filters, time_range, arguments)}"
    if groups:
        sql += f" group by {', '.join(groups.values())}"
    sql += order(order_by, {name: f'"{name}"' for name in (*groups, *shown)}, table)
    return f"{sql} limit {arguments.add(checked_limit(limit, table))}", arguments.values


def _metric(table: TableInfo, text: object) -> tuple[str, str]:
    match = _METRIC.fullmatch(text) if isinstance(text, str) else None
    function = match["function"].lower() if match else ""
    share = _share(function)
    if match is None or (function not in METRICS and share is None) or (match["name"] == "*" and function != "count"):
        raise InputError(
            "no such metric",
            expected=f"count(*), or {', '.join(METRICS)} or a percentile of a column: avg(value), p95(value)",
            received=text,
            where=table.label,
        )
    if match["name"] == "*":
        return "count", "count(*)"
    column = table.column(match["name"])
    _check(table, column, function, share)
    return f"{function}_{column.name}".replace('"', "").replace(".", "_"), _expression(column, function, share)


def _share(function: str) -> float | None:
    """The part of the rows below a percentile, as a number from 0 to 1."""
    if function == "median":
        return 0.5
    return float(function[1:]) / 100 if function[:1] == "p" and function[1:2].isdigit() else None


def _check(table: TableInfo, column: ColumnInfo, function: str, share: float | None) -> None:
    needs_number = function in ("sum", "avg", "stddev") or share is not None
    fits = column.kind in (_NUMBERS if needs_number else _ORDERED)
    if (needs_number or function in ("min", "max")) and (not fits or column.array):
        what, kinds = ("a number", _NUMBERS) if needs_number else ("a column that has an order", _ORDERED)
        fitting = [one.name for one in table.columns.values() if one.kind in kinds and not one.array]
        raise InputError(
            f"{function} needs {what}",
            expected=", ".join(fitting) or "a table with one",
            received=f"{column.name} ({column.sql_type})",
            where=table.label,
        )


def _expression(column: ColumnInfo, function: str, share: float | None) -> str:
    if share is not None:
        return f"percentile_cont({share!r}) within group (order by {column.quoted}::float8)"
    if function == "count_distinct":
        return f"count(distinct {column.quoted})"
    # Of whole numbers PostgreSQL answers with numeric: sums stay whole, means become floats; decimals stay decimal.
    exact = column.kind is Kind.DECIMAL
    cast = {"avg": "::float8", "stddev": "::float8", "sum": "::bigint" if column.kind is Kind.INTEGER else "::float8"}
    return f"{function}({column.quoted}){'' if exact else cast.get(function, '')}"
