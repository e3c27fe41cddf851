"""The historian: full resolution on site, asked by signal and time; the one door to DuckDB in the bridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bridge.driver import Series
from bridge.journal import PLAIN, decode_frame, plain
from bridge.segments import overlapping
from bridge.store import read_only
from core.contracts.reading import to_us
from core.errors import TransientError

Stretch = tuple[datetime, datetime]
"""From the first source time on, up to, but not with, the second."""
_COLUMNS = 'ts, value, "text", quality'
_SPAN = "min(epoch_us(ts)) as oldest, max(epoch_us(ts)) as newest"
_WANTED = "equipment_id = ? and list_contains(?, signal) and epoch_us(ts) >= ? and epoch_us(ts) < ?"
_TRIES = 3
_NEWEST = "select * from (select * from found order by ts desc limit $most) order by ts"
_SAMPLED = """
select * from (
    select * from found
    qualify row_number() over (partition by (epoch_us(ts) // $every) order by ts) = 1 order by ts desc limit $most
) order by ts
"""
_WINDOWS = """
with placed as (select *, epoch_us(ts) - (epoch_us(ts) % $every + $every) % $every as start from found),
good as (select * from placed where quality & 3221225472 = 0 and value is not null and isfinite(value))
select * from (
    select make_timestamptz(start) as start, avg(value) as mean, min(value) as min, max(value) as max,
           arg_max(value, ts) as last, count(*) as count
    from good group by 1 order by 1 desc limit $most
) order by start
"""
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


def newest(home: Path, series: Series, stretch: Stretch, most: int) -> pa.Table:
    """As `query`, but only the newest readings, at most so many."""
    return _over(query(home, *series, *stretch), _NEWEST, {"most": most})


def sampled(home: Path, series: Series, stretch: Stretch, every_us: int, most: int) -> pa.Table:
    """As `newest`, the first reading of each interval only."""
    return _over(query(home, *series, *stretch), _SAMPLED, {"every": every_us, "most": most})


def windows(home: Path, series: Series, stretch: Stretch, every_us: int, most: int) -> pa.Table:
    """Aggregates over tumbling windows of source time, aligned to the epoch as a contract's are.

    Only good, finite values enter; a window without one is left out.

    Args:
        home: the bridge's home folder.
        series: machine and signal.
        stretch: source time that is asked about.
        every_us: length of a window.
        most: the newest so many windows.

    Returns:
        `start` (UTC), `mean`, `min`, `max`, `last`, `count`, oldest first.
    """
    return _over(query(home, *series, *stretch), _WINDOWS, {"every": every_us, "most": most})


def _over(found: pa.Table, sql: str, parameters: Mapping[str, object]) -> pa.Table:
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        engine.register("found", found)
        return engine.sql(sql, params=dict(parameters)).to_arrow_table()


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
