"""Constants inside DDL, which takes no parameters. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID


def literal(value: object, sql_type: str | None = None) -> str:
    """A value as SQL text that cannot end its own quotes.

    Args:
        value: checked already.
        sql_type: needed for lists, whose elements may be none.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return f"'{value!r}'::double precision"
        case datetime():
            return f"'{value.astimezone(UTC).isoformat()}'::timestamp with time zone"
        case date():
            return f"'{value.isoformat()}'::date"
        case UUID():
            return f"'{value}'::uuid"
        case list() | tuple():
            return f"array[{', '.join(map(literal, cast('list[Any]', value)))}]::{sql_type}"
        case _:
            # E'' with doubled backslashes reads the same whatever standard_conforming_strings says.
            return "E'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
