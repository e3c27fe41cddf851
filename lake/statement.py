"""One SELECT, its named parameters written out: what is run is what evidence keeps, letter for letter."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import duckdb

from core.errors import InputError

_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_LINE = 160


def literal(value: object) -> str:
    """A value as DuckDB SQL.

    Raises:
        InputError: its type has no literal, or it is a datetime without a time zone.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | Decimal():
            return f"({value})"  # in parentheses: `x -$p` with a negative value would begin a comment
        case float():
            return f"({value!r}::DOUBLE)" if math.isfinite(value) else f"'{value}'::DOUBLE"
        case str():
            if "\x00" in value:
                raise InputError("text parameter holds a null character")
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            if value.tzinfo is None:
                raise InputError("time parameter has no time zone", received=value.isoformat())
            return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case list() | tuple():
            items = cast("Sequence[object]", value)
            return f"[{', '.join(literal(item) for item in items)}]"
        case _:
            raise InputError("parameter has no SQL literal", received=type(value).__name__)


def write_out(sql: str, parameters: Mapping[str, object]) -> str:
    """`sql` with every `$name` replaced by the literal of its value.

    DuckDB's own tokenizer says what is a parameter and what is text, a quoted name or a comment.

    Raises:
        InputError: a parameter has no value, a value no parameter, or the placeholder has no name.
    """
    text = sql.encode()
    pieces: list[str] = []
    used: set[str] = set()
    done = 0
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and text[offset : offset + 1] in (b"$", b"?"):
            name = _NAME.match(text, offset + 1)
            if text[offset : offset + 1] == b"?" or name is None:
                raise InputError("only named parameters are taken", expected="$name", where=sql)
            key = name.group().decode()
            if key not in parameters:
                raise InputError("a parameter has no value", expected=f"a value for ${key}", where=sql)
            used.add(key)
            pieces += [text[done:offset].decode(), literal(parameters[key])]
            done = name.end()
    unused = sorted(set(parameters) - used)
    if unused:
        raise InputError("a value has no parameter", received=", ".join(unused), where=sql)
    return "".join(pieces) + text[done:].decode()


def require_one_select(sql: str) -> None:
    """Refuse whatever is not one statement that only reads.

    Raises:
        InputError: it does not parse, is several statements, or another kind of statement.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise InputError("query does not parse", received=str(error).split("\n", 1)[0], where=sql) from error
    if len(statements) != 1:
        raise InputError("exactly one statement is taken", received=len(statements), where=sql)
    if statements[0].type != duckdb.StatementType.SELECT:
        raise InputError(
            "only SELECT is taken", expected="a statement that reads", received=statements[0].type.name, where=sql
        )


def tables_of(sql: str) -> list[str]:
    """Full names of the tables a SELECT reads, `gold.kpi_daily`, in lower case; what it names itself is none.

    Raises:
        InputError: it is not one SELECT.
    """
    require_one_select(sql)
    with duckdb.connect(":memory:") as connection:
        row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise InputError("query does not parse", received=tree.get("error_message"), where=first_line(sql))
    return sorted(set(_tables_in(tree)))


def _tables_in(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for one in cast("list[object]", node):
            yield from _tables_in(one)
    elif isinstance(node, dict):
        known = cast("dict[str, object]", node)
        if known.get("type") == "BASE_TABLE" and known.get("schema_name"):
            yield f"{known['schema_name']}.{known['table_name']}".lower()
        for one in known.values():
            yield from _tables_in(one)


def first_line(text: str) -> str:
    """Enough of a query to recognise it in a message that people read; of DuckDB's complaint, what it complains of."""
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= _LONGEST_LINE else f"{first[:_LONGEST_LINE]}…"
