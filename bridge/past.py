"""What was journaled before: frames that still lie in the database, and the files that older ones were sealed into."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from bridge import segments
from bridge.driver import Series
from bridge.journal import decode_frame, samples_of
from core.contracts.reading import Sample

_DECODED = 64
"""Frames, and series of files, kept in memory."""


def newest_first(connection: sqlite3.Connection, home: Path) -> Iterator[pa.RecordBatch]:
    """Journaled readings from the last one back, a batch at a time."""
    for (payload,) in connection.execute("select payload from frames where rows > 0 order by id desc"):
        yield decode_frame(payload)
    yield from segments.newest_first(connection, home)


class OldReadings:
    """Looks up readings too old to be remembered in memory, by the time span of frames and files."""

    def __init__(self, connection: sqlite3.Connection, home: Path) -> None:
        self._connection, self._home = connection, home
        self._frames: OrderedDict[int, dict[tuple[str, str, int], list[Sample]]] = OrderedDict()
        self._files: OrderedDict[tuple[int, Series], dict[int, list[Sample]]] = OrderedDict()

    def find(self, series: Series, ts_us: int) -> list[Sample]:
        """Every journaled reading of a series at one source time."""
        connection = self._connection
        # One view: while this looks, a frame may be on its way into a file.
        connection.execute("begin")
        try:
            files = segments.overlapping(connection, self._home, ts_us, ts_us)
            rows = connection.execute("select id from frames where min_ts <= ? and max_ts >= ?", (ts_us, ts_us))
            frames = [self._frame(int(row[0])) for row in rows.fetchall()]
        finally:
            connection.execute("commit")
        found = [sample for file in files for sample in self._file(file, series).get(ts_us, [])]
        return found + [sample for frame in frames for sample in frame.get((*series, ts_us), [])]

    def _frame(self, frame_id: int) -> dict[tuple[str, str, int], list[Sample]]:
        known = self._frames.get(frame_id)
        if known is not None:
            self._frames.move_to_end(frame_id)
            return known
        (payload,) = self._connection.execute("select payload from frames where id = ?", (frame_id,)).fetchone()
        table: dict[tuple[str, str, int], list[Sample]] = {}
        for sample in samples_of(decode_frame(payload)):
            table.setdefault((sample.equipment_id, sample.signal, sample.ts_us), []).append(sample)
        self._frames[frame_id] = table
        if len(self._frames) > _DECODED:
            self._frames.popitem(last=False)
        return table

    def _file(self, segment: segments.Segment, series: Series) -> dict[int, list[Sample]]:
        key = (segment.id, series)
        known = self._files.get(key)
        if known is not None:
            self._files.move_to_end(key)
            return known
        try:
            table = segments.samples_at(segment.path, series)
        except FileNotFoundError:
            # Retention has removed it in this very moment: its readings are forgotten.
            return {}
        self._files[key] = table
        if len(self._files) > _DECODED:
            self._files.popitem(last=False)
        return table
