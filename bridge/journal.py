"""The journal: frames of readings appended in the order they came, each durable when `append` returns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from bridge.driver import Series
from bridge.gaps import Gap, GapChanges
from bridge.store import transaction
from core import clock, faults
from core.contracts.reading import READING_SCHEMA, GapNews, Sample, readings_to_arrow

Notes = dict[tuple[str, str, int], list[int]]
"""[redelivered, conflicting] by (equipment, signal, start of the hour in microseconds)."""
HOUR_US = 3_600_000_000
Also = Callable[[sqlite3.Connection, int], None]
"""Writes more in the journal's own transaction, told how many readings are in it."""
_INSERT = "insert into frames (received_at, rows, min_ts, max_ts, payload, notes) values (?, ?, ?, ?, ?, ?)"
_WRITE = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)
BEFORE_FSYNC = "bridge.before_fsync"
"""Fault point: a frame is written and not yet durable."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One appended frame."""

    id: int
    batch: pa.RecordBatch
    notes: Notes


def gap_news(connection: sqlite3.Connection, most: int) -> tuple[list[GapNews], int]:
    """The oldest of what the platform has not been told about gaps, and the id of the last of them."""
    found = connection.execute(
        "select id, equipment_id, from_us, to_us, reason, state from gap_news order by id limit ?", (most,)
    ).fetchall()
    return [GapNews(*row[1:]) for row in found], found[-1][0] if found else 0


def encode_frame(readings: pa.RecordBatch) -> bytes:
    """A frame as it lies in the journal: quick to write and to read, for the little while until it is sealed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, readings.schema, options=_WRITE) as writer:
        writer.write_batch(readings)
    return sink.getvalue().to_pybytes()


def decode_frame(payload: bytes) -> pa.RecordBatch:
    """The readings of a frame."""
    return pa.ipc.open_stream(payload, options=_READ).read_next_batch()


class Journal:
    """Appends frames and reads them back; one writer."""

    def __init__(self, connection: sqlite3.Connection, site: str) -> None:
        self._connection = connection
        self._site = site

    def append(self, readings: pa.RecordBatch, notes: Notes, gaps: GapChanges) -> int:
        """Make readings, what was seen of re-reads, and what became of gaps on the way durable together.

        Returns:
            Id of the frame.

        Raises:
            StoreError: nothing was written.
        """
        frame = _frame(readings, notes)
        now = clock.now_us()
        with transaction(self._connection) as connection:
            frame_id = connection.execute(_INSERT, frame).lastrowid
            connection.executemany(
                "insert into gaps (equipment_id, from_us, to_us, reason, found_at) values (?, ?, ?, ?, ?)",
                [(gap.equipment_id, gap.from_us, gap.to_us, gap.reason, now) for gap in gaps.found],
            )
            # Found first: a gap may be found and narrowed within one frame.
            connection.executemany(
                "delete from gaps where (equipment_id, from_us, to_us, reason) = (?, ?, ?, ?)", gaps.narrowed
            )
            connection.executemany(
                "insert into gap_news (equipment_id, from_us, to_us, reason, state) values (?, ?, ?, ?, ?)",
                [(*gap, "found") for gap in (*gaps.found, *gaps.set_back)] + [(*gap, "void") for gap in gaps.narrowed],
            )
            faults.die_here(BEFORE_FSYNC)
        assert frame_id is not None  # noqa: S101  an insert into a rowid table has one
        return frame_id

    def append_derived(self, pieces: Sequence[Sequence[Sample]], notes: Notes, also: Also) -> None:
        """Make samples that were made on site durable, with what their maker must remember of having made them.

        Raises:
            StoreError: nothing was written, neither samples nor memory.
        """
        batches = (readings_to_arrow(self._site, piece) for piece in pieces)
        frames = [_frame(batch, notes if place == 0 else {}) for place, batch in enumerate(batches)]
        with transaction(self._connection) as connection:
            connection.executemany(_INSERT, frames)
            also(connection, sum(len(piece) for piece in pieces))
            faults.die_here(BEFORE_FSYNC)


def _frame(readings: pa.RecordBatch, notes: Notes) -> tuple[object, ...]:
    times = readings.column("ts").cast(pa.int64()).to_numpy()
    first, last = (int(times.min()), int(times.max())) if len(times) else (None, None)
    return clock.now_us(), len(times), first, last, encode_frame(readings), _dump_notes(notes)


def frames_after(connection: sqlite3.Connection, frame_id: int, max_rows: int) -> list[Frame]:
    """Frames behind a checkpoint in order, until they hold `max_rows` rows; at least one if there is any."""
    found: list[Frame] = []
    rows = 0
    cursor = connection.execute("select id, rows, payload, notes from frames where id > ? order by id", (frame_id,))
    for one, count, payload, notes in cursor:
        found.append(Frame(one, decode_frame(payload), _load_notes(notes)))
        rows += count
        if rows >= max_rows:
            break
    return found


def last_received(connection: sqlite3.Connection) -> int | None:
    """When the newest frame came, sealed or not, in microseconds; None in a journal without any."""
    return connection.execute(
        "select max(received_at) from (select max(received_at) as received_at from frames"
        " union all select max(received_at) from segments)"
    ).fetchone()[0]


def last_came(connection: sqlite3.Connection, series: Collection[Series]) -> dict[str, int]:
    """When the newest frame with readings of each machine came, in microseconds; frames that are sealed do not count.

    Args:
        connection: to the journal.
        series: those that a device has; of what was made on site nothing is to be learned about it.
    """
    missing = {machine for machine, _ in series}
    found: dict[str, int] = {}
    for came, payload in connection.execute("select received_at, payload from frames where rows > 0 order by id desc"):
        if not missing:
            break
        there = pa.Table.from_batches([decode_frame(payload)]).select(["equipment_id", "signal"])
        pairs = there.group_by(["equipment_id", "signal"], use_threads=False).aggregate([]).to_pylist()
        heard = missing & {row["equipment_id"] for row in pairs if (row["equipment_id"], row["signal"]) in series}
        found |= {machine: int(came) for machine in heard}
        missing -= heard
    return found


def recorded_gaps(connection: sqlite3.Connection) -> list[Gap]:
    """Source time nobody read, in the order in which it was noticed."""
    return [
        Gap(*row) for row in connection.execute("select equipment_id, from_us, to_us, reason from gaps order by id")
    ]


def _dump_notes(notes: Notes) -> str:
    return json.dumps([[*key, *counts] for key, counts in notes.items()])


def _load_notes(text: str) -> Notes:
    return {(equipment, signal, hour): [again, other] for equipment, signal, hour, again, other in json.loads(text)}


def samples_of(batch: pa.RecordBatch) -> Iterator[Sample]:
    """Rows of a frame as samples."""
    columns = (
        batch.column("equipment_id").to_pylist(),
        batch.column("signal").to_pylist(),
        batch.column("ts").cast(pa.int64()).to_pylist(),
        batch.column("value").to_pylist(),
        batch.column("text").to_pylist(),
        batch.column("quality").to_pylist(),
    )
    return map(Sample._make, zip(*columns, strict=True))


PLAIN = pa.schema([pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in READING_SCHEMA])
"""Readings with their dictionaries written out: every frame has its own, and a file or a stream may have only one."""


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A frame in that form."""
    return batch.cast(PLAIN)
