"""Conditions: from what a module writes to SQL with parameters. Pure.

A filter is a mapping from column to value, or to a mapping from operator to value; all of them hold together::

    {"zone": "A3", "severity": {"in": ["warning", "critical"]}, "value": {"gte": 10, "lt": 20}, "cleared_at": None}

Operators: `eq ne lt lte gt gte between in not_in is_null` for every plain column; of texts also `contains`,
`starts_with`, `icontains` (characters) and `matches` (words, as a web search writes them: `"bearing wear" or leak`);
`has` of JSON (the object holds this) and of lists (it holds these elements).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.given import as_mapping
from core.connector.values import convert, element
from core.connector.windows import TimeRange, bounds
from core.errors import InputError

Filters = Mapping[str, object]
SEARCH_CONFIGURATION = "simple"
"""How words are told apart: as they are written, in any language; indexes for `matches` use the same."""
_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PLAIN = (*_COMPARE, "between", "in", "not_in", "is_null")
_OF_TEXT = {
    "contains": "strpos({0}, {1}) > 0",
    "icontains": "strpos(lower({0}), lower({1})) > 0",
    "starts_with": "starts_with({0}, {1})",
    "matches": f"to_tsvector('{SEARCH_CONFIGURATION}', {{0}}) @@ websearch_to_tsquery('{SEARCH_CONFIGURATION}', {{1}})",
}
_TEXT = (*_PLAIN, *_OF_TEXT)


class Arguments:
    """Values of one statement; `add` gives the placeholder."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: object) -> str:
        """Keep a value."""
        self.values.append(value)
        return f"${len(self.values)}"


def operators_for(column: ColumnInfo) -> tuple[str, ...]:
    """What a column can be asked."""
    if column.array:
        return ("has", "is_null")
    match column.kind:
        case Kind.JSON:
            return ("has", "is_null")
        case Kind.VECTOR | Kind.OTHER:
            return ("is_null",)
        case Kind.STRING:
            return _TEXT
        case _:
            return _PLAIN


def where(table: TableInfo, filters: Filters | None, time_range: TimeRange | None, arguments: Arguments) -> str:
    """The WHERE clause, empty if everything is meant; rows that are marked deleted are left out unless asked for.

    Raises:
        InputError: a column, operator or value does not fit.
    """
    parts: list[str] = []
    given = as_mapping(filters or {}, "filters", table.label, example='{"zone": "A3"}')
    for name, wanted in given.items():
        parts.extend(_conditions(table, table.column(name), wanted, arguments))
    if time_range is not None:
        column, start, end = bounds(table, time_range)
        parts += [f"{column.quoted} >= {arguments.add(start)}"] if start is not None else []
        parts += [f"{column.quoted} < {arguments.add(end)}"] if end is not None else []
    if table.soft_deletes and "is_deleted" not in given:
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
        return _emptiness(table, column, operator, value)
    if operator not in operators_for(column) or value is None or not isinstance(operator, str):
        raise _wrong_operator(table, column, operator)
    if operator in ("in", "not_in"):
        values = f"{arguments.add(_several(table, column, operator, value))}::{column.sql_type}[]"
        return f"{left} = any ({values})" if operator == "in" else f"{left} <> all ({values})"
    if operator == "between":
        low, high = (arguments.add(one) for one in _several(table, column, operator, value, exactly=2))
        return f"{left} between {low} and {high}"
    if operator == "has":
        if column.array:
            return f"{left} @> {arguments.add(element(column, value, table.label))}"
        return f"{left} @> {arguments.add(value)}"
    placeholder = arguments.add(convert(column, value, table.label))
    return (
        _OF_TEXT[operator].format(left, placeholder)
        if operator in _OF_TEXT
        else f"{left} {_COMPARE[operator]} {placeholder}"
    )


def _emptiness(table: TableInfo, column: ColumnInfo, operator: object, value: object) -> str:
    if operator == "is_null" and not isinstance(value, bool):
        raise InputError(
            "is_null asks for a truth value",
            expected="true or false",
            received=value,
            where=f"{table.label}.{column.name}",
        )
    empty = value is True or operator == "eq"
    return f"{column.quoted} is null" if empty else f"{column.quoted} is not null"


def _several(
    table: TableInfo, column: ColumnInfo, operator: str, value: object, *, exactly: int | None = None
) -> list[object]:
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        values = [convert(column, one, table.label) for one in cast("Sequence[object]", value)]
        if exactly in (None, len(values)) and None not in values:
            return values
    raise InputError(
        f"{operator} asks for a list" + (f" of {exactly}" if exactly else ""),
        expected="values, none of them null",
        received=value,
        where=f"{table.label}.{column.name}",
    )


def _wrong_operator(table: TableInfo, column: ColumnInfo, operator: object) -> InputError:
    return InputError(
        "no such operator for this column",
        expected=", ".join(operators_for(column)),
        received=operator,
        where=f"{table.label}.{column.name}",
    )
