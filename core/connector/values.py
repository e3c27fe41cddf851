"""Values on their way into the database: what JSON can only write as text becomes what the column holds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from core.connector.catalogue import ColumnInfo, Kind
from core.errors import InputError


def convert(column: ColumnInfo, value: Any, where: str) -> Any:
    """A value as the driver wants it for a column; None stays None.

    Raises:
        InputError: it does not fit; names table and column.
    """
    if value is None:
        return None
    check = _CHECKS.get(column.kind)
    if check is None:
        return value
    try:
        return check(column, value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"value does not fit column {column.name!r}",
            expected=_EXPECTED[column.kind] if column.dimensions is None else f"{column.dimensions} finite numbers",
            received=value if len(repr(value)) < 200 else f"{repr(value)[:200]}…",
            where=where,
        ) from error


def convert_all(column: ColumnInfo, values: list[Any], where: str) -> list[Any]:
    """`convert` for one column of many rows; where every value has the column's own type, none is looked at twice.

    Raises:
        InputError: a value does not fit; names table and column.
    """
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= _PLAIN.get(column.kind, frozenset()):
        return values
    if column.kind is Kind.TIMESTAMP and kinds == {datetime} and all(v is None or v.tzinfo for v in values):
        return values
    return [convert(column, value, where) for value in values]


def _refuse(value: object) -> Any:
    raise TypeError(value)


def _uuid(_: ColumnInfo, value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _string(_: ColumnInfo, value: Any) -> str:
    return value if isinstance(value, str) and "\0" not in value else _refuse(value)


def _integer(_: ColumnInfo, value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else _refuse(value)


def _float(_: ColumnInfo, value: Any) -> float:
    return _refuse(value) if isinstance(value, bool | str) else value


def _boolean(_: ColumnInfo, value: Any) -> bool:
    return value if isinstance(value, bool) else _refuse(value)


def _timestamp(_: ColumnInfo, value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if isinstance(moment, datetime) and moment.tzinfo is not None else _refuse(value)


def _date(_: ColumnInfo, value: Any) -> date:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return day if isinstance(day, date) and not isinstance(day, datetime) else _refuse(value)


def _vector(column: ColumnInfo, value: Any) -> list[float]:
    numbers = [float(part) for part in value]
    if column.dimensions not in (None, len(numbers)) or not all(map(math.isfinite, numbers)):
        _refuse(value)
    return numbers


_CHECKS: dict[Kind, Callable[[ColumnInfo, Any], Any]] = {
    Kind.UUID: _uuid,
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.TIMESTAMP: _timestamp,
    Kind.DATE: _date,
    Kind.VECTOR: _vector,
}
_PLAIN: dict[Kind, frozenset[type]] = {
    Kind.UUID: frozenset({UUID}),
    Kind.STRING: frozenset({str}),
    Kind.INTEGER: frozenset({int}),
    Kind.FLOAT: frozenset({float, int}),
    Kind.BOOLEAN: frozenset({bool}),
    Kind.DATE: frozenset({date}),
}
"""Types that need no second look: what they can still hold wrong, the server refuses."""
_EXPECTED = {
    Kind.UUID: "a UUID",
    Kind.STRING: "a text without zero bytes",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.TIMESTAMP: "a date and time with its zone",
    Kind.DATE: "a date",
    Kind.VECTOR: "finite numbers",
}


def as_array(column: ColumnInfo, values: list[Any]) -> tuple[str, str, list[Any]]:
    """One column of many rows as one array argument.

    Arrays of JSON or vectors would be taken for arrays of more dimensions, so they travel as text.

    Returns:
        The array's type, the cast of one element back (empty if none), and the values.
    """
    if column.kind is Kind.JSON:
        return "text[]", f"::{column.sql_type}", [None if v is None else json.dumps(v) for v in values]
    if column.kind is Kind.VECTOR:
        texts = [None if v is None else "[" + ",".join(map(repr, v)) + "]" for v in values]
        return "text[]", f"::{column.sql_type}", texts
    return f"{column.sql_type}[]", "", values
