"""A SQLite file of somebody else as a source, opened so that nothing in it can change."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator

import pyarrow as pa

from bridge.etl.files import column
from bridge.etl.form import Sqlite
from bridge.etl.frame import Frame
from bridge.etl.place import Place
from core.errors import InputError

_ROWS = 50_000
"""Of one input."""
_BUSY_S = 5.0


def sqlite_inputs(source: Sqlite, place: Place, cursor: str | None) -> Iterator[tuple[str, str, str | None, Frame]]:
    """(name, SHA-256 of the content, cursor behind it, rows) of what the query gives; with a cursor, batch by batch.

    Raises:
        InputError: the file or the query cannot be read.
    """
    path = place.resolve(source.file)
    if not path.is_file():
        raise InputError("no such SQLite file", where=str(path), next_step="correct `source.sqlite.file`")
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
        try:
            while True:
                names, rows, more = _batch(connection, source, cursor)
                if not rows:
                    return
                if source.cursor is not None:
                    cursor = json.dumps(rows[-1][names.index(source.cursor)])
                sha256 = hashlib.sha256(json.dumps([names, rows], default=str).encode()).hexdigest()
                table = pa.table([column(list(one)) for one in zip(*rows, strict=True)], names=names)
                yield f"{path.name} {sha256[:12]}", sha256, cursor, Frame.of(table)
                if not more:
                    return
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise InputError("SQLite file cannot be read", received=str(error), where=str(path)) from error


def _batch(
    connection: sqlite3.Connection, source: Sqlite, cursor: str | None
) -> tuple[list[str], list[tuple[object, ...]], bool]:
    """Column names, rows, and whether there may be more."""
    if source.cursor is None:
        found = connection.execute(source.query)
        rows = found.fetchall()
        return _names(found), rows, False
    key = f'"{source.cursor.replace(chr(34), chr(34) * 2)}"'
    behind = f"where {key} > ? " if cursor is not None else f"where {key} is not null "
    sql = f"select * from ({source.query}) {behind}order by {key} limit {_ROWS}"  # noqa: S608  the site owner's own query
    found = connection.execute(sql, [json.loads(cursor)] if cursor is not None else [])
    rows = found.fetchall()
    names = _names(found)
    if source.cursor not in names:
        raise InputError("cursor is no column of the query", expected=", ".join(names), received=source.cursor)
    return names, rows, len(rows) == _ROWS


def _names(found: sqlite3.Cursor) -> list[str]:
    return [one[0] for one in found.description or ()]
