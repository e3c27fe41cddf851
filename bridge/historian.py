"""The historian: full resolution on site, asked by signal and time; the one door to DuckDB in the bridge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bridge.journal import decode_frame
from bridge.store import read_only
from core.contracts.reading import READING_SCHEMA, to_us

_QUERY = """
    select ts, value, "text", quality
    from frames
    where equipment_id = ? and signal = ? and epoch_us(ts) >= ? and epoch_us(ts) < ?
    order by ts
"""


def query(home: Path, equipment: str, signal: str, first: datetime, last: datetime) -> pa.Table:
    """Every journaled reading of one signal.

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
    """
    start, end = to_us(first), to_us(last)
    connection = read_only(home)
    try:
        found = connection.execute(
            "select payload from frames where min_ts < ? and max_ts >= ? order by id", (end, start)
        )
        batches: Iterator[pa.RecordBatch] = (_plain(decode_frame(payload)) for (payload,) in found)
        reader = pa.RecordBatchReader.from_batches(_PLAIN, batches)
        with duckdb.connect() as engine:
            engine.execute("set timezone = 'UTC'")
            engine.register("frames", reader)
            return engine.sql(_QUERY, params=[equipment, signal, start, end]).to_arrow_table()
    finally:
        connection.close()


_PLAIN = pa.schema(
    [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in READING_SCHEMA]
)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Dictionaries written out: every frame has its own, and a stream may have only one."""
    return batch.cast(_PLAIN)
