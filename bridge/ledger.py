"""The books that stay on site: a row for every signal, and beside the rows what steps have counted since then.

A step counts every signal it sees. Its increments are one row, a matrix; every so many steps they are added up into
the rows by signal, so that a thousand signals do not mean a thousand rows written a second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from bridge.block import Ints
from bridge.contract.counts import LOCAL_COLUMNS, Line
from bridge.driver import Series

_FOLDED_AFTER = 256
"""Steps whose increments lie beside the rows."""
_WIDTH = 1 + len(LOCAL_COLUMNS)
_COLUMNS = ", ".join(LOCAL_COLUMNS)
_SUMS = ", ".join(f"{one} = {one} + excluded.{one}" for one in LOCAL_COLUMNS)
_ADD = (
    f"insert into ledger (equipment_id, signal, {_COLUMNS}) values (?, ?{', ?' * len(LOCAL_COLUMNS)}) "  # noqa: S608  constants of this file
    f"on conflict (equipment_id, signal) do update set {_SUMS}"
)


class Ledger:
    """Writes the books; used by one thread at a time, always inside the caller's transaction.

    What it knows of the database is only right while every transaction it was used in was committed.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._number = {name: number for number, name in _names(connection).items()}
        self._before: tuple[Sequence[Series], Ints] = ((), np.empty(0, np.int64))
        (self._steps,) = connection.execute("select count(*) from ledger_steps").fetchone()

    def add(self, connection: sqlite3.Connection, names: Sequence[Series], lines: Ints) -> None:
        """Count what a step counted: a line of `LOCAL_COLUMNS` for every name, of which one may occur twice."""
        if not names:
            return
        if names is not self._before[0]:
            self._before = names, self._numbers(connection, names)
        numbers = self._before[1]
        rows = np.concatenate((numbers[:, None], lines), axis=1).astype("<i8")
        packed = pa.compress(rows.tobytes(), codec="zstd", asbytes=True)
        connection.execute("insert into ledger_steps (names, lines) values (?, ?)", (len(names), packed))
        self._steps += 1
        if self._steps >= _FOLDED_AFTER:
            self.fold(connection)

    def fold(self, connection: sqlite3.Connection) -> None:
        """Add to the rows by signal what steps have counted."""
        connection.executemany(_ADD, [(*name, *line) for name, line in _unfolded(connection)])
        connection.execute("delete from ledger_steps")
        self._steps = 0

    def _numbers(self, connection: sqlite3.Connection, names: Sequence[Series]) -> Ints:
        fresh = [name for name in dict.fromkeys(names) if name not in self._number]
        for name in fresh:
            self._number[name] = len(self._number)
        if fresh:
            rows = [(self._number[name], *name) for name in fresh]
            connection.executemany("insert into ledger_names values (?, ?, ?)", rows)
        return np.array([self._number[name] for name in names], dtype=np.int64)


def ledger_lines(connection: sqlite3.Connection) -> dict[Series, Line]:
    """The books by signal as they stand; the connection should see one moment."""
    found: dict[Series, Line] = {
        (row[0], row[1]): list(row[2:])
        for row in connection.execute(f"select equipment_id, signal, {_COLUMNS} from ledger")  # noqa: S608  the same
    }
    for name, line in _unfolded(connection):
        known = found.get(name)
        found[name] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]
    return found


def _unfolded(connection: sqlite3.Connection) -> Iterable[tuple[Series, Line]]:
    """What steps have counted since the rows were written, by name."""
    found = connection.execute("select names, lines from ledger_steps").fetchall()
    if not found:
        return []
    blobs = (pa.decompress(lines, names * _WIDTH * 8, codec="zstd", asbytes=True) for names, lines in found)
    rows = np.frombuffer(b"".join(blobs), dtype="<i8").reshape(-1, _WIDTH)
    numbers, place = np.unique(rows[:, 0], return_inverse=True)
    totals = np.zeros((len(numbers), len(LOCAL_COLUMNS)), dtype=np.int64)
    np.add.at(totals, place, rows[:, 1:])
    names = _names(connection)
    return [(names[number], line) for number, line in zip(numbers.tolist(), totals.tolist(), strict=True)]


def _names(connection: sqlite3.Connection) -> dict[int, Series]:
    return {row[0]: (row[1], row[2]) for row in connection.execute("select * from ledger_names")}
