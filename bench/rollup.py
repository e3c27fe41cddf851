"""Hourly roll-ups of silver readings through the lake's doors against the best of Polars and DuckDB alone.

All read the same Delta table: ours through `TenantLake.scan`, where assets and people read, and through `LakeReader`,
where modules and agents ask in SQL and get evidence; alone, Polars scans the table and DuckDB its files. Two questions:
every signal of all days, and one signal of one day. All give the same rows, which is compared. The reader stands, as it
does in a service: its first question, which is not counted, has opened the table and DuckDB. By default ten million
readings of ten days; `GOLDLAYER_BENCH_READINGS=100000000` for the hundred million that are claimed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from deltalake import DeltaTable

from bench.claim import Claim, paired
from core.errors import TerminalError
from lake.reader import LakeReader
from lake.store import Lake, TenantLake
from lake.tables import silver

TARGET = 1 / 0.8
DAYS, SERIES, SIGNALS, PAIRS = 10, 200, 10, 3
_PIECE = 2_000_000
"""Rows written at once: memory does not grow with the table."""
_FIRST = date(2024, 3, 4)
_KEYS = ["equipment_id", "signal", "hour"]
_SQL = """
SELECT equipment_id, signal, date_trunc('hour', ts) AS hour, avg(value) AS mean, min(value) AS low, max(value) AS high,
       count(*) AS samples
FROM {source} {where} GROUP BY ALL
"""


@dataclass(frozen=True)
class _Question:
    """The same rows of the table, told to an engine each."""

    name: str
    where: str
    rows: pl.Expr


_DAY = _FIRST + timedelta(days=DAYS // 2)
_QUESTIONS = (
    _Question("rollup", "", pl.lit(True)),
    _Question(
        "rollup of a day's signal",
        f"WHERE date = DATE '{_DAY}' AND signal = 's3'",
        (pl.col("date") == _DAY) & (pl.col("signal") == "s3"),
    ),
)


def _day(day: date, rows: int) -> Iterator[pl.DataFrame]:
    """Silver of one day, series by series, as silver is written."""
    for first in range(0, rows, _PIECE):
        yield _piece(day, rows, first, min(first + _PIECE, rows))


def _piece(day: date, rows: int, first: int, end: int) -> pl.DataFrame:
    n = pl.int_range(first, end)
    each = rows // SERIES
    series = n // each
    start = pl.lit(datetime.combine(day, datetime.min.time(), UTC))
    ts = (start + pl.duration(microseconds=n % each * (86_400_000_000 // each))).cast(pl.Datetime("us", "UTC"))
    return pl.select(
        site=pl.lit("bench"),
        equipment_id=pl.format("pump-{}", series // SIGNALS),
        equipment_type=pl.lit("pump"),
        signal=pl.format("s{}", series % SIGNALS),
        ts=ts,
        value=(n * 7 % 1_009).cast(pl.Float64),
        text=pl.lit(None, pl.String),
        quality=pl.lit(0, pl.Int64),
        unit=pl.lit("bar"),
        role=pl.lit(None, pl.String),
        late=pl.lit(False),
        received_at=ts,
        date=ts.dt.date(),
    ).select(silver.READINGS.schema.names)


def _rolled(rows: pl.LazyFrame, question: _Question) -> pl.DataFrame:
    value = pl.col("value")
    picked = rows.filter(question.rows) if question.where else rows
    return (
        picked.group_by("equipment_id", "signal", pl.col("ts").dt.truncate("1h").alias("hour"))
        .agg(mean=value.mean(), low=value.min(), high=value.max(), samples=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )


def _by_duckdb(table: DeltaTable, question: _Question) -> pl.DataFrame:
    files = f"read_parquet({table.file_uris()!r}, hive_partitioning = true)"
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET threads = 2")
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(_SQL.format(source=files, where=question.where)).pl()


def _require_same(found: pl.DataFrame, expected: pl.DataFrame, where: str) -> None:
    """Sums are added up in another order: means may differ in their last digits."""
    both = expected.join(found, on=_KEYS, suffix="_found")
    same = (pl.col("mean") - pl.col("mean_found")).abs() <= 1e-9 * pl.col("mean").abs()
    for name in ("low", "high", "samples"):
        same &= pl.col(name) == pl.col(f"{name}_found")
    if found.height != expected.height or both.filter(same).height != expected.height:
        raise TerminalError(
            "two engines give different rows", expected=f"{expected.height} groups", received=found.height, where=where
        )


def _compare(lake: TenantLake, rows: int, question: _Question) -> list[Claim]:
    spec, reader = silver.READINGS, LakeReader(lake)
    table = DeltaTable(lake.location(spec))
    sql = _SQL.format(source=spec.full_name, where=question.where)
    ours: dict[str, Callable[[], object]] = {
        "scan": lambda: _rolled(lake.scan(spec), question),
        "SQL with evidence": lambda: reader.query(sql, [spec.full_name]),
    }
    alone: dict[str, Callable[[], pl.DataFrame]] = {
        "Polars": lambda: _rolled(pl.scan_delta(lake.location(spec)), question),
        "DuckDB": lambda: _by_duckdb(table, question),
    }
    expected = alone["Polars"]()
    _require_same(alone["DuckDB"](), expected, "DuckDB")
    _require_same(_rolled(lake.scan(spec), question), expected, "scan")
    answer = reader.query(sql, [spec.full_name])
    _require_same(pl.DataFrame(answer.rows, schema=expected.schema), expected, "SQL")
    found: list[Claim] = []
    for door, work in ours.items():
        against = {
            name: paired(f"{question.name} {door}", work, peer, target=TARGET, pairs=PAIRS)
            for name, peer in alone.items()
        }
        print(
            f"{question.name}, {rows:,} readings, by {door}: "
            + ", ".join(f"{one.ours:.3f} s against {name} {one.baseline:.3f} s" for name, one in against.items()),
            flush=True,
        )
        found.append(max(against.values(), key=lambda one: one.ratio))
    return found


def claims() -> list[dict[str, object]]:
    """Seconds of the queries, each door against the faster library."""
    rows = int(os.environ.get("GOLDLAYER_BENCH_READINGS", "10000000"))
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    lake = Lake(str(folder)).tenant("bench-co")
    try:
        for number in range(DAYS):
            for piece in _day(_FIRST + timedelta(days=number), rows // DAYS):
                lake.append(silver.READINGS, piece.to_arrow())
        return [claim.as_dict() for question in _QUESTIONS for claim in _compare(lake, rows, question)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
