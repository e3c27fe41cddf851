"""What `raw_sql` lets through: one statement that reads, or changes rows if that was declared.

The server has the last word: the statement is prepared, so a second one is refused; it runs in a transaction that is
read-only unless declared, and with the rights of the module's own role, which reaches the module's tables and the
published ones and has no way back to another role.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.db import Transaction
from core.db.identifiers import quote_identifier
from core.errors import InputError

_READS = ("select", "with", "values", "table")
_WRITES = ("insert", "update", "delete", "merge")
_TIMEOUT_S = 30
_BLANK = re.compile(r"\s+|--[^\n]*(?:\n|\Z)")
_WORD = re.compile(r"[A-Za-z]+")


async def run_raw(
    transaction: Transaction, sql: str, params: Sequence[object], *, role: str, schemas: Sequence[str]
) -> list[dict[str, Any]]:
    """Run one checked statement with a role's rights; names without a schema mean the first of `schemas`."""
    path = ", ".join(map(quote_identifier, (*schemas, "public")))
    await transaction.execute(f"set local search_path = {path}; set local statement_timeout = '{_TIMEOUT_S}s'")
    try:
        return await transaction.fetch_one_statement(sql, *params, role=role)
    except InputError as error:
        if error.expected or error.next_step:
            raise
        step = f"correct the statement: one alone, over the tables of {', '.join(schemas)}"
        raise InputError(error.what, received=error.received, where=schemas[0], next_step=step) from error


def check_statement(sql: object, params: object, *, write: bool) -> None:
    """Refuse what neither reads nor, if declared, changes rows: session settings, transactions, DDL, COPY.

    Raises:
        InputError: names the word the statement begins with, or the parameters that are none.
    """
    if isinstance(params, str | bytes | Mapping) or not isinstance(params, Sequence):
        raise InputError("params is a list of values", expected="[value, …] in the order of $1, $2", received=params)
    if not isinstance(sql, str):
        raise InputError("raw SQL is a text", expected="a literal with $1, $2 for its values", received=sql)
    if "\0" in sql:
        # On the wire the text would end there, and what follows would be taken for something else.
        raise InputError("raw SQL holds a zero byte", expected="a text without one", received=sql)
    match = _WORD.match(sql, _skip_comments(sql))
    word = match[0].lower() if match else ""
    allowed = _READS + (_WRITES if write else ())
    if word not in allowed:
        raise InputError(
            "raw SQL must read, or declare that it writes",
            expected=f"a statement that begins with {', '.join(allowed)}",
            received=word or sql[:40],
            next_step="pass write=True to change rows" if word in _WRITES else None,
        )


def _skip_comments(sql: str) -> int:
    position = 0
    while True:
        if blank := _BLANK.match(sql, position):
            position = blank.end()
        elif sql.startswith(("/*", "("), position):
            position = position + 1 if sql[position] == "(" else _end_of_comment(sql, position)
        else:
            return position


def _end_of_comment(sql: str, start: int) -> int:
    """PostgreSQL's block comments nest."""
    depth, position = 1, start + 2
    while depth and position < len(sql):
        step = {"/*": 1, "*/": -1}.get(sql[position : position + 2], 0)
        depth += step
        position += 2 if step else 1
    return position
