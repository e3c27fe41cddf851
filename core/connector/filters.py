"""Conditions: from what a module writes to SQL with parameters. Pure.

A filter is a mapping from column to value, or to a mapping from operator to value; all of them hold together::

    {"zone": "A3", "severity": {"in": ["warning", "critical"]}, "value": {"gte": 10, "lt": 20}, "cleared_at": None}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, cast

from core.connector.catalogue import ColumnInfo, Kind, TableInfo
from core.connector.values import convert
from core.errors import InputError

Filters = Mapping[str, object]
_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
OPERATORS = (*_COMPARE, "in", "not_in", "contains", "starts_with", "is_null")
_TEXT_ONLY = {"contains": "strpos({0}, {1}) > 0", "starts_with": "starts_with({0}, {1})"}


class TimeRange(TypedDict, total=False):
    """A window over one column: `last_hours` or `last_days` back from now, or `start` (included) and `end` (not)."""

    column: str
    last_hours: float
    last_days: float
    start: datetime | str
    end: datetime | str


class Arguments:
    """Values of one statement; `add` gives the placeholder."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: object) -> str:
        """Keep a value."""
        self.values.append(value)
        return f"${len(self.values)}"


def where(table: TableInfo, filters: Filters | None, time_range: TimeRange | None, arguments: Arguments) -> str:
    """The WHERE clause, empty if everything is meant; rows that are marked deleted are left out unless asked for.

    Raises:
        InputError: a column, operator or value does not fit.
    """
    parts: list[str] = []
    for name, wanted in (filters or {}).items():
        parts.extend(_conditions(table, table.column(name), wanted, arguments))
    if time_range is not None:
        parts.extend(_window(table, time_range, arguments))
    if table.soft_deletes and "is_deleted" not in (filters or {}):
        parts.append('not "is_deleted"')
    return f" where {' and '.join(parts)}" if parts else ""


def _conditions(table: TableInfo, column: ColumnInfo, wanted: object, arguments: Arguments) -> list[str]:
    if isinstance(wanted, Mapping):
        operators = cast("Mapping[object, object]", wanted)
        if not operators:
            raise _wrong_operator(table, column, {})
        return [_condition(table, column, name, value, arguments) for name, value in operators.items()]
    return [_condition(table, column, "eq", wanted, arguments)]


def _condition(table: TableInfo, column: ColumnInfo, operator: object, value: object, arguments: Arguments) -> str:
    left = column.quoted
    if operator == "is_null" or (value is None and operator in ("eq", "ne")):
        if operator == "is_null" and not isinstance(value, bool):
            raise InputError("is_null asks for true or false", received=value, where=f"{table.label}.{column.name}")
        return f"{left} is null" if value is True or (operator == "eq") else f"{left} is not null"
    if column.kind in (Kind.JSON, Kind.VECTOR, Kind.OTHER):
        raise InputError(
            f"column {column.name!r} cannot be compared", expected="is_null", received=operator, where=table.label
        )
    if operator in ("in", "not_in"):
        return _membership(table, column, operator == "in", value, arguments)
    if value is None or not isinstance(operator, str):
        raise _wrong_operator(table, column, operator)
    if operator in _TEXT_ONLY and column.kind is Kind.STRING:
        return _TEXT_ONLY[operator].format(left, arguments.add(convert(column, value, table.label)))
    if operator not in _COMPARE:
        raise _wrong_operator(table, column, operator)
    return f"{left} {_COMPARE[operator]} {arguments.add(convert(column, value, table.label))}"


def _membership(table: TableInfo, column: ColumnInfo, inside: bool, value: object, arguments: Arguments) -> str:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | set | frozenset):
        raise InputError("in and not_in ask for a list", received=value, where=f"{table.label}.{column.name}")
    values = [convert(column, one, table.label) for one in cast("Sequence[object]", value)]
    placeholder = f"{arguments.add(values)}::{column.sql_type}[]"
    return f"{column.quoted} = any ({placeholder})" if inside else f"{column.quoted} <> all ({placeholder})"


def _wrong_operator(table: TableInfo, column: ColumnInfo, operator: object) -> InputError:
    choices = [name for name in OPERATORS if name not in _TEXT_ONLY or column.kind is Kind.STRING]
    return InputError(
        "no such operator for this column",
        expected=", ".join(choices),
        received=operator,
        where=f"{table.label}.{column.name}",
    )


def _window(table: TableInfo, time_range: TimeRange, arguments: Arguments) -> list[str]:
    unknown = sorted(set(time_range) - set(TimeRange.__annotations__))
    back = [key for key in ("last_hours", "last_days") if key in time_range]
    given = [key for key in ("start", "end") if key in time_range]
    if unknown or "column" not in time_range or len(back) > 1 or bool(back) == bool(given):
        raise InputError(
            "time range is not one",
            expected="column, and last_hours or last_days, or start and/or end",
            received=", ".join(time_range),
            where=table.label,
        )
    column = table.column(time_range["column"])
    if column.kind not in (Kind.TIMESTAMP, Kind.DATE):
        raise InputError("time range needs a time column", received=column.name, where=table.label)
    if back:
        start, end = _since(time_range, table), None
        start = start.date() if column.kind is Kind.DATE else start
    else:
        start, end = time_range.get("start"), time_range.get("end")
    parts: list[str] = []
    if start is not None:
        parts.append(f"{column.quoted} >= {arguments.add(convert(column, start, table.label))}")
    if end is not None:
        parts.append(f"{column.quoted} < {arguments.add(convert(column, end, table.label))}")
    return parts


def _since(time_range: TimeRange, table: TableInfo) -> datetime:
    hours = time_range.get("last_hours", 0) or time_range.get("last_days", 0) * 24
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours < 24 * 36_500:  # pyright: ignore[reportUnnecessaryIsInstance]  comes from a model or a request
        raise InputError("time range needs a positive length", received=hours, where=table.label)
    return datetime.now(UTC) - timedelta(hours=hours)
