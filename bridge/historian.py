"""The historian: full resolution on site, asked by signal and time; the one door to DuckDB in the bridge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bridge.journal import decode_frame
from bridge.segments import PLAIN, overlapping, plain
from bridge.store import read_only
from core.contracts.reading import to_us
from core.errors import TransientError

_COLUMNS = 'ts, value, "text", quality'
_SPAN = "min(epoch_us(ts)) as oldest, max(epoch_us(ts)) as newest"
_WANTED = "equipment_id = ? and list_contains(?, signal) and epoch_us(ts) >= ? and epoch_us(ts) < ?"
_TRIES = 3
_END_US = 253_402_300_800_000_000
"""The year 10000."""


def query(home: Path, equipment: str, signal: str, first: datetime, last: datetime) -> pa.Table:
    """Every reading of one signal that is kept on site, whether still in the journal or sealed into a file.

    Args:
        home: the bridge's home folder; the bridge may be running.
        equipment: machine.
        signal: its signal, contracted or not.
        first: from this source time on.
        last: up to, but not with, this source time.

    Returns:
        `ts` (UTC), `value`, `text`, `quality`, by source time.

    Raises:
        InputError: no bridge ever ran on this folder.
        TransientError: files were removed by retention faster than they could be read.
    """
    return _asked(home, _COLUMNS, equipment, [signal], to_us(first), to_us(last)).sort_by("ts")


def span(home: Path, equipment: str, signals: Sequence[str], start_us: int = 0) -> tuple[int, int] | None:
    """Oldest and newest source time, in microseconds, of some signals of a machine from a time on; None without any.

    Raises:
        InputError: no bridge ever ran on this folder.
        TransientError: files were removed by retention faster than they could be read.
    """
    parts = _asked(home, _SPAN, equipment, signals, start_us, _END_US)
    oldest, newest = (parts[name].drop_null().to_pylist() for name in ("oldest", "newest"))
    return (min(oldest), max(newest)) if oldest else None


def _asked(home: Path, columns: str, equipment: str, signals: Sequence[str], start: int, end: int) -> pa.Table:
    for attempt in range(_TRIES):
        try:
            return _query(home, columns, equipment, signals, start, end)
        except duckdb.IOException as error:
            if attempt == _TRIES - 1:
                reason = str(error).splitlines()[0]
                raise TransientError("historian cannot be read", received=reason, where=str(home)) from error
    raise AssertionError


def _query(home: Path, columns: str, equipment: str, signals: Sequence[str], start: int, end: int) -> pa.Table:
    """What is asked of the journal, and below it what is asked of the files."""
    connection = read_only(home)
    try:
        connection.execute("begin")  # frames and the list of files of one moment
        files = [str(segment.path) for segment in overlapping(connection, home, start, end - 1)]
        found = connection.execute(
            "select payload from frames where min_ts < ? and max_ts >= ? order by id", (end, start)
        )
        batches: Iterator[pa.RecordBatch] = (plain(decode_frame(payload)) for (payload,) in found)
        reader = pa.RecordBatchReader.from_batches(PLAIN, batches)
        with duckdb.connect() as engine:
            engine.execute("set timezone = 'UTC'")
            engine.register("frames", reader)
            wanted: list[object] = [equipment, list(signals), start, end]
            sql = f"select {columns} from frames where {_WANTED}"  # noqa: S608  constants of this file
            parameters = [*wanted]
            if files:
                sql += f" union all select {columns} from read_parquet(?) where {_WANTED}"  # noqa: S608  the same
                parameters += [files, *wanted]
            return engine.sql(sql, params=parameters).to_arrow_table()
    finally:
        connection.close()
