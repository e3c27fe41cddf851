"""One SELECT, its named parameters written out: what is run is what evidence keeps, letter for letter."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import duckdb

from core.errors import InputError

_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_LINE = 160
_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
"""What a query may read beside tables: each makes rows of its own arguments."""
_TELLING = frozenset({"current_setting", "getvariable", "json_serialize_plan"})
"""Functions that tell where files are."""

Node = dict[str, object]


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
        return sorted(set(_tables_in(_tree(connection, sql))))


def require_known(connection: duckdb.DuckDBPyConnection, sql: str, tables: Collection[str]) -> None:
    """Refuse a SELECT that reads anything but some tables, what it names itself, and functions that reach nothing.

    Args:
        connection: any.
        sql: one SELECT.
        tables: full names, in lower case.

    Raises:
        InputError: it names another table, a file, or a function through which files or settings are read.
    """
    tree = _tree(connection, sql)
    own = {name.lower() for node in _nodes(tree) for name in _named_by(node)}
    for node in _nodes(tree):
        if node.get("type") == "BASE_TABLE":
            schema, name = str(node.get("schema_name")).lower(), str(node.get("table_name")).lower()
            if f"{schema}.{name}" not in tables if schema else name not in own:
                raise InputError(
                    "query reads a table that it does not have",
                    expected=", ".join(sorted(tables)) or "a query over tables of the lake",
                    received=f"{schema}.{name}" if schema else name,
                    where=first_line(sql),
                )
        if node.get("type") == "TABLE_FUNCTION":
            called = cast("Node", node.get("function") or {}).get("function_name")
            if called not in _TABLE_FUNCTIONS:
                raise _no_function(sql, called, f"one of {', '.join(sorted(_TABLE_FUNCTIONS))}, or a table")
        if node.get("class") == "FUNCTION" and node.get("function_name") in _TELLING:
            raise _no_function(sql, node.get("function_name"), "a query over tables of the lake")


def _no_function(sql: str, called: object, expected: str) -> InputError:
    return InputError("query calls a function it may not", expected=expected, received=called, where=first_line(sql))


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Node:
    """A SELECT as DuckDB's own parser understands it."""
    row = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    tree: Node = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise InputError("query does not parse", received=tree.get("error_message"), where=first_line(sql))
    return tree


def _tables_in(tree: Node) -> Iterator[str]:
    for node in _nodes(tree):
        if node.get("type") == "BASE_TABLE" and node.get("schema_name"):
            yield f"{node['schema_name']}.{node['table_name']}".lower()


def _named_by(node: Node) -> Iterator[str]:
    """Names that a WITH gives."""
    for one in cast("list[Node]", cast("Node", node.get("cte_map") or {}).get("map") or []):
        yield str(one["key"])


def _nodes(node: object) -> Iterator[Node]:
    if isinstance(node, list):
        for one in cast("list[object]", node):
            yield from _nodes(one)
    elif isinstance(node, dict):
        known = cast("Node", node)
        yield known
        for one in known.values():
            yield from _nodes(one)


def first_line(text: str) -> str:
    """Enough of a query to recognise it in a message that people read; of DuckDB's complaint, what it complains of."""
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= _LONGEST_LINE else f"{first[:_LONGEST_LINE]}…"
