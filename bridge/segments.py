"""Sealed stretches of the journal: Parquet files at full resolution, kept for so many days and bytes.

A stretch is sealed when the contract has passed it. The file is whole and on the disk before the same transaction that
lists it takes its frames out of the database, so that a reading is always in one of the two places; a file nobody lists
is what a crash left behind.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bridge import latest
from bridge.driver import Series
from bridge.journal import PLAIN, decode_frame, plain
from bridge.store import RULES_CHECKPOINT, get_meta, transaction
from core import clock
from core.contracts.reading import Sample

FOLDER = "historian"
_PLACE = "place"
"""Position in the journal: of two readings with one source time the later one counts."""
_ORDER = [(name, "ascending") for name in ("equipment_id", "signal", "ts", _PLACE)]
_GROUP_ROWS = 50_000
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One sealed file."""

    id: int
    path: Path
    rows: int
    bytes: int


def seal(connection: sqlite3.Connection, home: Path, *, rows: int, age_s: float) -> int:
    """Move the oldest frames that contract and rules have passed into a file, if they are enough or old enough.

    Args:
        connection: of the writer's own; the bridge may be running.
        home: the bridge's home folder.
        rows: readings that make a file; not many more come into one.
        age_s: frames that came longer ago than this make one also when they are fewer.

    Returns:
        Readings sealed.

    Raises:
        StoreError: nothing was moved.
    """
    frames = _passed(connection, rows)
    count = sum(frame[1] for frame in frames)
    old = bool(frames) and frames[0][2] < clock.now_us() - int(age_s * 1e6)
    if not frames or (count < rows and not old):
        return 0
    last, received_at = frames[-1][0], frames[-1][2]
    readings = _readings(connection, frames[0][0], last)
    written = _write(connection, home, frames[0][0], last, readings) if count else None
    newest = latest.latest_of(readings)
    with transaction(connection):
        if written is not None:
            latest.note(connection, newest)
            file, low, high, size = written
            connection.execute(
                "insert into segments (file, last_frame, rows, bytes, min_ts, max_ts, received_at) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (file, last, count, size, low, high, received_at),
            )
        connection.execute("delete from frames where id <= ?", (last,))
    return count


def _passed(connection: sqlite3.Connection, rows: int) -> list[tuple[int, int, int]]:
    """(id, rows, received at) of the oldest frames that contract and rules have passed, until they hold `rows`."""
    checkpoint = int(get_meta(connection, "checkpoint", "0"))
    checkpoint = min(checkpoint, int(get_meta(connection, RULES_CHECKPOINT) or checkpoint))
    found: list[tuple[int, int, int]] = []
    held = 0
    for frame in connection.execute(
        "select id, rows, received_at from frames where id <= ? order by id", (checkpoint,)
    ):
        found.append(frame)
        held += frame[1]
        if held >= rows:
            break
    return found


def _readings(connection: sqlite3.Connection, first: int, last: int) -> pa.Table:
    """Readings of a stretch in the order they came."""
    payloads = connection.execute("select payload from frames where id between ? and ? order by id", (first, last))
    return pa.Table.from_batches([plain(decode_frame(payload)) for (payload,) in payloads], schema=PLAIN)


def _write(
    connection: sqlite3.Connection, home: Path, first: int, last: int, table: pa.Table
) -> tuple[str, int, int, int]:
    """Write the file of a stretch; its name, oldest and newest source time, and size."""
    table = table.append_column(_PLACE, pa.array(range(table.num_rows), pa.int64())).sort_by(_ORDER)
    low, high = connection.execute(
        "select min(min_ts), max(max_ts) from frames where id between ? and ?", (first, last)
    ).fetchone()
    folder = home / FOLDER
    folder.mkdir(exist_ok=True)
    name = f"{first:012d}-{last:012d}.parquet"
    fresh = folder / f".{name}"
    pq.write_table(table, fresh, compression="zstd", row_group_size=_GROUP_ROWS)  # pyright: ignore[reportUnknownMemberType]  untyped library
    _flush(fresh)
    fresh.replace(folder / name)
    _flush(folder)
    return name, low, high, (folder / name).stat().st_size


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def retain(connection: sqlite3.Connection, home: Path, *, days: float, most_bytes: int, age_us: int) -> int:
    """Remove the oldest files that are past the days or the bytes.

    Days count from the day a reading came, not from its source time: a recording from years ago is new data here. They
    are days that passed, not days of a clock that can be set.

    Args:
        connection: of the writer's own.
        home: the bridge's home folder.
        days: days that a file is kept.
        most_bytes: size of all files that are kept.
        age_us: see `bridge.ageing`.

    Returns:
        Readings removed.
    """
    limit = age_us - int(days * _DAY_US)
    with transaction(connection):
        connection.execute("insert or ignore into segment_ages select id, ? from segments", (age_us,))
    listed = connection.execute(
        "select id, file, rows, bytes, seen_us from segments join segment_ages on segment = id order by id desc"
    ).fetchall()
    kept, removed = 0, 0
    for one, file, rows, size, seen_us in listed:
        kept += size
        if seen_us >= limit and kept <= most_bytes:
            continue
        kept = most_bytes  # whatever is older goes too
        path = home / FOLDER / file
        with transaction(connection):
            connection.executemany(
                "insert into forgotten values (?, ?, ?) on conflict (equipment_id, signal) "
                "do update set newest_ts = max(newest_ts, excluded.newest_ts)",
                _newest(path),
            )
            connection.execute("delete from segments where id = ?", (one,))
            connection.execute("delete from segment_ages where segment = ?", (one,))
        path.unlink(missing_ok=True)
        removed += rows
    return removed


def _newest(path: Path) -> list[tuple[str, str, int]]:
    table = read(path, ["equipment_id", "signal", "ts"])
    newest = table.set_column(2, "ts", table["ts"].cast(pa.int64())).group_by(["equipment_id", "signal"])
    rows = newest.aggregate([("ts", "max")]).to_pylist()
    return [(row["equipment_id"], row["signal"], row["ts_max"]) for row in rows]


def note_latest(connection: sqlite3.Connection, home: Path) -> None:
    """Fill the table of newest readings for files that were sealed before there was one."""
    if connection.execute("select 1 from latest limit 1").fetchone() is not None:
        return
    files = connection.execute("select file from segments order by id").fetchall()
    for (file,) in files:
        with transaction(connection):
            latest.note(connection, latest.latest_of(in_order(home / FOLDER / file)))


def tidy(connection: sqlite3.Connection, home: Path) -> None:
    """Remove files nobody lists: what a crash left between writing and listing, or between unlisting and removing."""
    listed = {file for (file,) in connection.execute("select file from segments")}
    for path in (home / FOLDER).glob("*"):
        if path.name not in listed:
            path.unlink(missing_ok=True)


def overlapping(connection: sqlite3.Connection, home: Path, first_us: int, last_us: int) -> list[Segment]:
    """Files that may hold source times from `first_us` to `last_us`, both inclusive, oldest first."""
    found = connection.execute(
        "select id, file, rows, bytes from segments where min_ts <= ? and max_ts >= ? order by id", (last_us, first_us)
    )
    return [Segment(one, home / FOLDER / file, rows, size) for one, file, rows, size in found]


def newest_first(connection: sqlite3.Connection, home: Path) -> Iterator[pa.RecordBatch]:
    """Readings of the files, from the last file back, in the order they came."""
    for (file,) in connection.execute("select file from segments order by id desc").fetchall():
        yield from reversed(in_order(home / FOLDER / file).to_batches())


def last_came(connection: sqlite3.Connection, home: Path, machine: str, signals: Collection[str]) -> int | None:
    """When the last sealed readings of a machine came, rather too early than too late; None without any.

    A file knows only when its newest frame came: what is in it came since the newest of the file before. Of the oldest
    file, which has none before it, its own time is told.
    """
    files = connection.execute("select file, received_at from segments order by id desc").fetchall()
    for place, (file, came) in enumerate(files):
        there = read(home / FOLDER / file, ["signal"], [("equipment_id", "=", machine)])
        if not set(there["signal"].unique().to_pylist()).isdisjoint(signals):
            return int(files[place + 1][1] if place + 1 < len(files) else came)
    return None


def in_order(path: Path) -> pa.Table:
    """Readings of a file in the order they came."""
    return read(path).sort_by(_PLACE).drop_columns([_PLACE])


def forgotten(connection: sqlite3.Connection) -> dict[Series, int]:
    """Newest source time of each series that retention has removed readings of."""
    return {(machine, signal): ts for machine, signal, ts in connection.execute("select * from forgotten")}


def samples_at(path: Path, series: Series) -> dict[int, list[Sample]]:
    """Readings of one series in a file, by source time."""
    machine, signal = series
    table = read(path, filters=[("equipment_id", "=", machine), ("signal", "=", signal)])
    found: dict[int, list[Sample]] = {}
    for row in table.set_column(table.schema.get_field_index("ts"), "ts", table["ts"].cast(pa.int64())).to_pylist():
        sample = Sample(machine, signal, row["ts"], row["value"], row["text"], row["quality"])
        found.setdefault(sample.ts_us, []).append(sample)
    return found


def read(path: Path, columns: list[str] | None = None, filters: list[tuple[str, str, str]] | None = None) -> pa.Table:
    """A file, whole or in part."""
    return pq.read_table(path, columns=columns, filters=filters)  # pyright: ignore[reportUnknownMemberType]  untyped library
