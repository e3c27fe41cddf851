"""The newest reading of every signal: of what is sealed from a table kept at sealing, of the rest from the journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bridge.driver import Series
from bridge.journal import PLAIN, decode_frame, plain
from bridge.store import read_only
from core.contracts.reading import Sample

_PLACE = "place"
_KEYS = ["equipment_id", "signal"]
_VALUES = ("ts", "value", "text", "quality")
_UPSERT = """
insert into latest values (?, ?, ?, ?, ?, ?)
on conflict (equipment_id, signal) do update
set ts = excluded.ts, value = excluded.value, text = excluded.text, quality = excluded.quality
where excluded.ts >= latest.ts
"""


def latest_of(table: pa.Table) -> list[Sample]:
    """The newest reading by source time of each signal; of two with one time the one that came later.

    Args:
        table: readings in the order they came, `bridge.journal.PLAIN`.
    """
    placed = table.append_column(_PLACE, pa.array(range(table.num_rows), pa.int64()))
    ordered = placed.sort_by([(name, "ascending") for name in (*_KEYS, "ts", _PLACE)])
    keep = pc.ScalarAggregateOptions(skip_nulls=False)
    grouped = ordered.group_by(_KEYS, use_threads=False).aggregate([(name, "last", keep) for name in _VALUES])
    times = grouped["ts_last"].cast(pa.int64())
    columns = [grouped[name] for name in _KEYS] + [times] + [grouped[f"{name}_last"] for name in _VALUES[1:]]
    return list(map(Sample._make, zip(*(column.to_pylist() for column in columns), strict=True)))


def note(connection: sqlite3.Connection, found: list[Sample]) -> None:
    """Remember, inside the caller's transaction, what is newer than what was known."""
    # SQLite would make a null of what is no number.
    written = [one._replace(value=None, text="NaN") if one.value != one.value else one for one in found]
    connection.executemany(_UPSERT, written)


def latest(home: Path) -> dict[Series, Sample]:
    """The newest reading of every signal that was ever journaled; the bridge may be running.

    Raises:
        InputError: no bridge ever ran on this folder.
    """
    connection = read_only(home)
    try:
        connection.execute("begin")  # frames and the table of one moment
        found = {(row[0], row[1]): Sample(*row) for row in connection.execute("select * from latest")}
        payloads = connection.execute("select payload from frames where rows > 0 order by id")
        batches = [plain(decode_frame(payload)) for (payload,) in payloads]
    finally:
        connection.close()
    for sample in latest_of(pa.Table.from_batches(batches, schema=PLAIN)):
        series = sample.equipment_id, sample.signal
        if series not in found or sample.ts_us >= found[series].ts_us:
            found[series] = sample
    return found


def position(home: Path) -> int:
    """Number of the newest frame that was journaled: how far the historian's knowledge goes."""
    connection = read_only(home)
    try:
        row = connection.execute("select seq from sqlite_sequence where name = 'frames'").fetchone()
    finally:
        connection.close()
    return int(row[0]) if row else 0
