"""The historian: full resolution on site, asked by signal and time; the one door to DuckDB in the bridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from bridge.driver import Series
from bridge.journal import PLAIN, decode_frame, plain
from bridge.segments import overlapping
from bridge.store import read_only
from core.contracts.reading import to_us
from core.errors import TransientError

Stretch = tuple[datetime, datetime]
"""From the first source time on, up to, but not with, the second."""
_COLUMNS = 'ts, value, "text", quality'
_SPAN = "select min(epoch_us(ts)) as oldest, max(epoch_us(ts)) as newest from asked"
_WANTED = "equipment_id = ? and list_contains(?, signal) and epoch_us(ts) >= ? and epoch_us(ts) < ?"
_TRIES = 3
_ALL = f"select {_COLUMNS} from asked"  # noqa: S608  constants of this file
# Only so many readings are held at a time, however many there are.
_NEWEST = f"select * from (select {_COLUMNS} from asked order by ts desc limit ?) order by ts"  # noqa: S608  the same
_FIRSTS = """
select first.* from (
    select arg_min({'ts': ts, 'value': value, 'text': "text", 'quality': quality}, ts) as first
    from asked group by epoch_us(ts) // ?
) order by first.ts desc limit ?
"""
_WINDOWS = """
with readings as (
    select epoch_us(ts) as us, place, if(quality & 3221225472 = 0 and isfinite(value), value, null) as value from found
),
placed as (select *, us - (us % $every + $every) % $every as start from readings),
tumbling as (
    select start, avg(value) as mean, min(value) as min, max(value) as max, arg_max(value, place) as last,
           count(value) as count
    from placed where us >= $since and us < $until group by 1
),
points as (select us, value from readings qualify row_number() over (partition by us order by place desc) = 1),
spells as (select us, lead(us) over (order by us) as next, value from points),
held as (
    select greatest(us, $since) as us, least(next, $until) as until, value
    from spells where next is not null and value is not null
),
ends as (
    select *, us - (us % $every + $every) % $every as first, until - (until % $every + $every) % $every as final
    from held where us < until
),
shares as (
    select first as start, value, least(until, first + $every) - us as span from ends
    union all
    select final as start, value, until - final as span from ends where first < final
),
weighed as (select start, sum(value * span) / sum(span) as time_weighted_mean from shares where span > 0 group by 1)
select * from (
    select make_timestamptz(start) as start, mean, min, max, last, count, time_weighted_mean
    from tumbling left join weighed using (start)
    where count > 0 or time_weighted_mean is not null
    order by 1 desc limit $most
) order by start
"""
_OLDEST, _NEWEST_AT = "select min(epoch_us(ts)) as us from asked", "select max(epoch_us(ts)) as us from asked"
_COUNT = "select count(*) as readings from asked"
_MOST_REACH = 100_000
"""Intervals that are looked through at a time at most."""
_FARTHER = 100
"""Windows that are looked through for a neighbouring reading before everything is."""
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
    return _asked(home, _ALL, equipment, [signal], to_us(first), to_us(last)).sort_by("ts")


def newest(home: Path, series: Series, stretch: Stretch, most: int) -> pa.Table:
    """As `query`, but only the newest readings, at most so many."""
    return _asked(home, _NEWEST, series[0], [series[1]], to_us(stretch[0]), to_us(stretch[1]), most)


def count(home: Path, series: Series, stretch: Stretch) -> int:
    """How many readings `query` would give."""
    found = _asked(home, _COUNT, series[0], [series[1]], to_us(stretch[0]), to_us(stretch[1]))
    return int(found["readings"][0].as_py())


def sampled(home: Path, series: Series, stretch: Stretch, every_us: int, most: int) -> pa.Table:
    """As `newest`, the first reading of each interval only; of one that began before the stretch there is none.

    Looked for from the newest reading back, some intervals at a time, so that few are held however many there are.
    """
    since, end = to_us(stretch[0]), to_us(stretch[1])
    found: list[pa.Table] = []
    rows, reach = 0, most
    while rows < most and (last := _newest_at(home, series, since - since % every_us, end)) is not None:
        begin = max(last - last % every_us - (reach - 1) * every_us, since - since % every_us)
        part = _asked(home, _FIRSTS, series[0], [series[1]], begin, end, every_us, most - rows)
        part = part.filter(pc.field("ts") >= pa.scalar(max(since, begin), pa.timestamp("us", "UTC")))
        found.append(part)
        rows, end, reach = rows + part.num_rows, begin, min(2 * reach, _MOST_REACH)
    return pa.concat_tables(found).sort_by("ts") if found else _asked(home, _ALL, series[0], [series[1]], 0, 0)


def _newest_at(home: Path, series: Series, start: int, end: int) -> int | None:
    """Source time of the newest reading of a stretch; None without one."""
    return _asked(home, _NEWEST_AT, series[0], [series[1]], start, end)["us"][0].as_py()


def windows(home: Path, series: Series, stretch: Stretch, every_us: int, most: int) -> pa.Table:
    """Aggregates over tumbling windows of source time, aligned to the epoch as a contract's are.

    Only good, finite values enter; a window that nobody read in, or of which nothing is known, is left out. A value
    holds until the next reading, also into a window and out of it; the newest of all holds no time yet.

    Args:
        home: the bridge's home folder.
        series: machine and signal.
        stretch: source time that is asked about; windows it begins or ends in count as a whole.
        every_us: length of a window.
        most: the newest so many windows.

    Returns:
        `start` (UTC), `mean`, `min`, `max`, `last`, `count`, `time_weighted_mean`, oldest first.
    """
    since, until = to_us(stretch[0]) // every_us * every_us, -(-to_us(stretch[1]) // every_us) * every_us
    before = _reading_at(home, series, _nearest(home, series, since, every_us, _NEWEST_AT))
    inside = _asked(home, _ALL, series[0], [series[1]], since, until).sort_by("ts")
    after = _reading_at(home, series, _nearest(home, series, until, every_us, _OLDEST))
    found = pa.concat_tables([before, inside, after])
    placed = found.append_column("place", pa.array(range(found.num_rows), pa.int64()))
    return _over(placed, _WINDOWS, {"every": every_us, "most": most, "since": since, "until": until})


def _nearest(home: Path, series: Series, at_us: int, every_us: int, which: str) -> int | None:
    """Source time of the newest reading before, or of the oldest from then on; what is near is looked at first."""
    for reach in (every_us, _FARTHER * every_us, _END_US):
        start, end = (at_us - reach, at_us) if which == _NEWEST_AT else (at_us, at_us + reach)
        times = _asked(home, which, series[0], [series[1]], start, end)["us"].drop_null().to_pylist()
        if times:
            return max(times) if which == _NEWEST_AT else min(times)
    return None


def _reading_at(home: Path, series: Series, at_us: int | None) -> pa.Table:
    """What a signal showed at one source time; no row without a time."""
    start, end = (0, 0) if at_us is None else (at_us, at_us + 1)
    return _asked(home, _ALL, series[0], [series[1]], start, end)


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


def _asked(
    home: Path, select: str, equipment: str, signals: Sequence[str], start: int, end: int, *more: object
) -> pa.Table:
    for attempt in range(_TRIES):
        try:
            return _query(home, select, (equipment, list(signals), start, end), more)
        except duckdb.IOException as error:
            if attempt == _TRIES - 1:
                reason = str(error).splitlines()[0]
                raise TransientError("historian cannot be read", received=reason, where=str(home)) from error
    raise AssertionError


def _query(home: Path, select: str, wanted: tuple[str, list[str], int, int], more: Sequence[object]) -> pa.Table:
    """A statement over `asked`: what is asked of the journal, and below it what is asked of the files."""
    connection = read_only(home)
    _, _, start, end = wanted
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
            asked = f"select {_COLUMNS} from frames where {_WANTED}"  # noqa: S608  constants of this file
            parameters: list[object] = [*wanted, *more]
            if files:  # in the order in which readings came
                asked = f"select {_COLUMNS} from read_parquet(?) where {_WANTED} union all {asked}"  # noqa: S608  the same
                parameters = [files, *wanted, *parameters]
            return engine.sql(f"with asked as ({asked}) {select}", params=parameters).to_arrow_table()
    finally:
        connection.close()
