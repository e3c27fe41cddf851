"""What `raw_sql` lets through: one statement that reads, or changes rows if that was declared. Pure.

The server has the last word: the statement is prepared, so a second one is refused, in a transaction that is
read-only unless declared, as the tenant's role, which owns nothing but the tenant's database.
"""

from __future__ import annotations

import re

from core.errors import InputError

_READS = ("select", "with", "values", "table")
_WRITES = ("insert", "update", "delete", "merge")
_BLANK = re.compile(r"\s+|--[^\n]*(?:\n|\Z)")
_WORD = re.compile(r"[A-Za-z]+")


def check_statement(sql: str, *, write: bool) -> None:
    """Refuse what neither reads nor, if declared, changes rows: session settings, transactions, DDL, COPY.

    Raises:
        InputError: names the word the statement begins with.
    """
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
