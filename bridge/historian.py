"""The historian: full resolution on site, asked by signal and time; the one door to DuckDB in the bridge."""

from __future__ import annotations

from collections.abc import Iterator
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
_WANTED = "equipment_id = ? and signal = ? and epoch_us(ts) >= ? and epoch_us(ts) < ?"
_TRIES = 3


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
    for attempt in range(_TRIES):
        try:
            return _query(home, equipment, signal, to_us(first), to_us(last))
        except duckdb.IOException as error:
            if attempt == _TRIES - 1:
                reason = str(error).splitlines()[0]
                raise TransientError("historian cannot be read", received=reason, where=str(home)) from error
    raise AssertionError


def _query(home: Path, equipment: str, signal: str, start: int, end: int) -> pa.Table:
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
            wanted: list[object] = [equipment, signal, start, end]
            sql = f"select {_COLUMNS} from frames where {_WANTED}"  # noqa: S608  constants of this file
            parameters = [*wanted]
            if files:
                sql += f" union all select {_COLUMNS} from read_parquet(?) where {_WANTED}"  # noqa: S608  the same
                parameters += [files, *wanted]
            return engine.sql(f"{sql} order by ts", params=parameters).to_arrow_table()
    finally:
        connection.close()
