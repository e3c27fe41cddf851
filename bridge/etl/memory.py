"""What pipelines remember in the bridge's database: runs, refused rows, inputs loaded, how far a source was read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from bridge.etl.frame import Reject
from bridge.store import transaction
from core import clock

_DAY_US = 86_400_000_000
_COUNTS = ("inputs", "read", "filtered", "rejected", "written", "readings")


class Counts(NamedTuple):
    """What one input came to, in rows; `readings` are the new ones in the journal."""

    read: int = 0
    filtered: int = 0
    rejected: int = 0
    written: int = 0
    readings: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline; times are microseconds since the epoch."""

    id: int
    pipeline: str
    definition: str
    cause: str
    state: str
    started_at: int
    ended_at: int | None
    inputs: int
    read: int
    filtered: int
    rejected: int
    written: int
    readings: int
    error: str | None

    @property
    def duration_s(self) -> float | None:
        """How long it took; None while it runs, or if nobody saw its end."""
        return None if self.ended_at is None else (self.ended_at - self.started_at) / 1e6


_RUN = f"select {', '.join(one.name for one in fields(Run))} from etl_runs"  # noqa: S608  names of this file


def runs(connection: sqlite3.Connection, pipeline: str | None, last: int) -> list[Run]:
    """The newest runs, newest first."""
    where, values = ("where pipeline = ? ", [pipeline]) if pipeline else ("", [])
    found = connection.execute(f"{_RUN} {where}order by id desc limit ?", [*values, last])
    return [Run(*row) for row in found]


def run_of(connection: sqlite3.Connection, run_id: int) -> Run | None:
    """One run."""
    row = connection.execute(f"{_RUN} where id = ?", (run_id,)).fetchone()
    return None if row is None else Run(*row)


def rejects(connection: sqlite3.Connection, run_id: int, last: int) -> list[tuple[str, Reject]]:
    """(input, refused row) of a run, in order."""
    found = connection.execute(
        "select input, row, reason, record from etl_rejects where run_id = ? order by id limit ?", (run_id, last)
    )
    return [(name, Reject(row, reason, record)) for name, row, reason, record in found]


def interrupted(connection: sqlite3.Connection) -> None:
    """Say so of the runs whose process died."""
    with transaction(connection):
        connection.execute("update etl_runs set state = 'interrupted' where state = 'running'")


def forget_old(connection: sqlite3.Connection, days: float) -> None:
    """Remove runs, and what they refused, that are past the days."""
    limit = clock.now_us() - int(days * _DAY_US)
    with transaction(connection):
        connection.execute(
            "delete from etl_rejects where run_id in (select id from etl_runs where started_at < ?)", [limit]
        )
        connection.execute("delete from etl_runs where started_at < ?", [limit])


class Memory:
    """What one pipeline remembers; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, pipeline: str) -> None:
        self._connection, self._pipeline = connection, pipeline

    def begin(self, definition: str, cause: str) -> int:
        """Note that a run begins; its number."""
        with transaction(self._connection) as connection:
            found = connection.execute(
                "insert into etl_runs (pipeline, definition, cause, state, started_at) values (?, ?, ?, 'running', ?)",
                (self._pipeline, definition, cause, clock.now_us()),
            )
        return int(found.lastrowid or 0)

    def end(self, run_id: int, error: str | None) -> None:
        """Note how a run ended."""
        with transaction(self._connection) as connection:
            connection.execute(
                "update etl_runs set state = ?, ended_at = ?, error = ? where id = ?",
                ("failed" if error else "done", clock.now_us(), error, run_id),
            )

    def loaded(
        self, run_id: int, name: str, sha256: str, stamp: str, cursor: str | None, counts: Counts, refused: list[Reject]
    ) -> Callable[[sqlite3.Connection, int], None]:
        """What is to be written in the transaction that loads an input, given the new readings of it."""

        def write(connection: sqlite3.Connection, readings: int) -> None:
            numbers = (1, *counts._replace(readings=readings))
            adds = ", ".join(f"{one} = {one} + ?" for one in _COUNTS)
            connection.execute(f"update etl_runs set {adds} where id = ?", (*numbers, run_id))  # noqa: S608  names of this file
            connection.executemany(
                "insert into etl_rejects (run_id, input, row, reason, record) values (?, ?, ?, ?, ?)",
                [(run_id, name, one.row, one.reason, one.record) for one in refused],
            )
            connection.execute(
                "insert or replace into etl_inputs values (?, ?, ?, ?, ?, ?)",
                (self._pipeline, sha256, name, stamp, run_id, clock.now_us()),
            )
            if cursor is not None:
                connection.execute("insert or replace into etl_cursors values (?, ?)", (self._pipeline, cursor))

        return write

    def knows(self, sha256: str) -> bool:
        """Whether this content was loaded."""
        return self._one("select 1 from etl_inputs where pipeline = ? and sha256 = ?", sha256) is not None

    def knows_file(self, name: str, stamp: str) -> bool:
        """Whether a file of this name, size and time was loaded."""
        return (
            self._one("select 1 from etl_inputs where pipeline = ? and name = ? and stamp = ?", name, stamp) is not None
        )

    def cursor(self) -> str | None:
        """How far the source was read."""
        return self._one("select cursor from etl_cursors where pipeline = ?")

    def last_started(self) -> int | None:
        """When its newest run began."""
        return self._one("select max(started_at) from etl_runs where pipeline = ?")

    def forget(self) -> None:
        """Everything of the source is new again; its readings are recognised by themselves."""
        with transaction(self._connection) as connection:
            connection.execute("delete from etl_inputs where pipeline = ?", (self._pipeline,))
            connection.execute("delete from etl_cursors where pipeline = ?", (self._pipeline,))

    def _one(self, sql: str, *values: str):
        row = self._connection.execute(sql, (self._pipeline, *values)).fetchone()
        return None if row is None else row[0]
