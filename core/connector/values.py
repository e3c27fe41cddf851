"""Values on their way into the database: what JSON can only write as text becomes what the column holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from core.connector.columns import ColumnInfo, Kind
from core.errors import InputError

_MOST = 2**63 - 1
"""Largest whole number of a column."""
_MOST_SINGLE = 3.4e38
"""Largest number of a vector, whose elements have single precision."""


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
        return [check(column, one) for one in _listed(value)] if column.array else check(column, value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(
            f"value does not fit column {column.name!r}",
            expected=expectation(column),
            received=value,
            where=where,
        ) from error


def expectation(column: ColumnInfo) -> str:
    """What fits into a column, in words."""
    said = _EXPECTED[column.kind] if column.dimensions is None else f"{column.dimensions} finite numbers"
    return f"a list, each {said}" if column.array else said


def element(column: ColumnInfo, value: Any, where: str) -> Any:
    """One element of an array column, or several, as a list that can be looked for."""
    return convert(column, value if isinstance(value, list | tuple | set | frozenset) else [value], where)


_ZONE = attrgetter("tzinfo")


def convert_all(column: ColumnInfo, values: list[Any], where: str) -> list[Any]:
    """`convert` for one column of many rows; where every value has the column's own type, none is looked at twice.

    Raises:
        InputError: a value does not fit; names table and column.
    """
    kinds = set(map(type, values))
    if kinds <= _PLAIN[column.kind] and not column.array and not (kinds & _LOOKED_INTO and _odd_inside(kinds, values)):
        return values
    return [convert(column, value, where) for value in values]


def _odd_inside(kinds: set[type], values: list[Any]) -> bool:
    """Whether texts hold a zero byte, or moments lack their zone."""
    given = [value for value in values if value is not None] if None.__class__ in kinds else values
    return "\0" in "".join(given) if str in kinds else None in map(_ZONE, given)


def _listed(value: object) -> list[Any]:
    if isinstance(value, list | tuple | set | frozenset) and None not in value:
        return list(cast("list[Any]", value))
    return _refuse(value)


def _refuse(value: object) -> Any:
    raise TypeError(value)


def _uuid(_: ColumnInfo, value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value if isinstance(value, str) else _refuse(value))


def _string(_: ColumnInfo, value: Any) -> str:
    return value if isinstance(value, str) and "\0" not in value else _refuse(value)


def _integer(_: ColumnInfo, value: Any) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and -_MOST - 1 <= value <= _MOST
    return value if fits else _refuse(value)


def _float(_: ColumnInfo, value: Any) -> float:
    return _refuse(value) if isinstance(value, bool | str) else float(value)


def _decimal(_: ColumnInfo, value: Any) -> Decimal:
    if isinstance(value, bool):
        _refuse(value)
    # A float goes through its shortest text: 0.1 is meant, and not 0.1000000000000000055.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else _refuse(value)


def _boolean(_: ColumnInfo, value: Any) -> bool:
    return value if isinstance(value, bool) else _refuse(value)


def _timestamp(_: ColumnInfo, value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        _refuse(value)
    return moment.astimezone(UTC) if moment.year in (MINYEAR, MAXYEAR) else moment  # Beyond the calendar in UTC?


def _date(_: ColumnInfo, value: Any) -> date:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return day if isinstance(day, date) and not isinstance(day, datetime) else _refuse(value)


def _vector(column: ColumnInfo, value: Any) -> list[float]:
    numbers = [float(part) for part in (_refuse(value) if isinstance(value, str) else value)]
    if column.dimensions not in (None, len(numbers)) or not all(abs(one) <= _MOST_SINGLE for one in numbers):
        _refuse(value)
    return numbers


_CHECKS: dict[Kind, Callable[[ColumnInfo, Any], Any]] = {
    Kind.UUID: _uuid,
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.TIMESTAMP: _timestamp,
    Kind.DATE: _date,
    Kind.VECTOR: _vector,
}
_OWN: dict[Kind, set[type]] = {
    Kind.UUID: {UUID},
    Kind.STRING: {str},
    Kind.INTEGER: {int},
    Kind.FLOAT: {float, int},
    Kind.BOOLEAN: {bool},
    Kind.TIMESTAMP: {datetime},
    Kind.DATE: {date},
}
_PLAIN = {kind: frozenset({*_OWN[kind], type(None)}) if kind in _OWN else frozenset[type]() for kind in Kind}
"""Types that need no second look: what they can still hold wrong, the server refuses."""
_LOOKED_INTO = frozenset({str, datetime})
"""Of these, the types whose values can hold what the server would take wrongly."""
_EXPECTED = {
    Kind.UUID: "a UUID",
    Kind.STRING: "a text without zero bytes",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.DECIMAL: "a finite decimal number",
    Kind.BOOLEAN: "true or false",
    Kind.TIMESTAMP: "a date and time with its zone",
    Kind.DATE: "a date",
    Kind.VECTOR: "finite numbers",
}
_ELEMENTS = (
    "case when {0} is not null then array(select e::{1} from jsonb_array_elements_text({0}::jsonb)"
    " with ordinality as t(e, n) order by n) end"
)


def _json_text(column: ColumnInfo, value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"value does not fit column {column.name!r}", expected="what JSON can write", received=value
        ) from error


def array_argument(column: ColumnInfo) -> tuple[str, str]:
    """How one column of many rows travels as one array argument.

    Arrays of JSON, vectors or arrays would be taken for arrays of more dimensions, so they travel as text.

    Returns:
        The argument's type, and the expression of one element with `{0}` for its name.
    """
    if column.array:
        return "text[]", _ELEMENTS.replace("{1}", column.sql_type.removesuffix("[]"))
    if column.kind in (Kind.JSON, Kind.VECTOR):
        return "text[]", f"{{0}}::{column.sql_type}"
    return f"{column.sql_type}[]", "{0}"


def array_values(column: ColumnInfo, values: list[Any]) -> list[Any]:
    """Checked values of one column of many rows as `array_argument` says that they travel."""
    if column.array:
        return [None if v is None else json.dumps(v, default=str) for v in values]
    if column.kind is Kind.JSON:
        return [None if v is None else _json_text(column, v) for v in values]
    if column.kind is Kind.VECTOR:
        return [None if v is None else "[" + ",".join(map(repr, v)) + "]" for v in values]
    return values
