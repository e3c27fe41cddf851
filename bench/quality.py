"""What the quality of a day costs: every expectation and check of a million silver readings, against ten seconds.

The suite as Great Expectations runs it, the search for readings not to be believed, conduct and drift of 2,000 signals
against their reference window; the library's import is not counted, since a process pays it once. A loop of plain
arithmetic beside it says how fast the machine was.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import polars as pl

from assets.silver.inspection import Inspection
from assets.silver.judge import Judged, doubt
from bench.claim import Claim
from lake.tables import table
from quality.expected import BEYOND_CONTRACT, BEYOND_PHYSICS, expectations
from quality.reference import first_days, references
from quality.validation import load, validate

LIMIT_S = 10.0
ROWS, SIGNALS, DAYS = 1_000_000, 2_000, 7
_SECOND_DAY_MS = 86_400_000


def _readings(rows: int, day: int) -> pl.DataFrame:
    """Rows of one day, the signals in turn."""
    n = pl.int_range(rows)
    step = _SECOND_DAY_MS // max(rows // SIGNALS, 1)
    return pl.select(
        site=pl.lit("bench"),
        equipment_id=pl.format("pump-{}", n % SIGNALS // 20),
        equipment_type=pl.lit("pump"),
        signal=pl.format("s{}", n % 20),
        ts=pl.lit(datetime(2024, 3, 4, tzinfo=UTC)) + pl.duration(days=day, milliseconds=n // SIGNALS * step),
        value=(n * (7 + day) % 1_009).cast(pl.Float64),
        text=pl.lit(None, pl.String),
        quality=pl.lit(0, pl.Int64),
        unit=pl.lit("bar"),
        role=pl.lit(None, pl.String),
        lane=pl.lit("b/1/readings-live"),
        seq=n // 1_000 + day * rows,
        row_no=(n % 1_000).cast(pl.Int32),
        reason=pl.lit(None, pl.String),
    ).with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")), received_at=pl.col("ts"), date=pl.col("ts").dt.date())


def _calibration() -> float:
    """Seconds of a fixed piece of arithmetic, pure Python."""
    started = time.perf_counter()
    total = 0
    for n in range(5_000_000):
        total += n * n % 7
    return time.perf_counter() - started


def claims() -> list[dict[str, object]]:
    """Seconds for a million rows, against the budget."""
    load()
    before = pl.concat([_readings(ROWS // 10, day) for day in range(DAYS)])
    reference = references(before, before["date"].unique().to_list())
    day = _readings(ROWS, DAYS)
    quiet = pl.DataFrame(
        schema={"site": pl.String, "equipment_id": pl.String, "base": pl.String, "deadband": pl.Boolean}
    )
    first = first_days(before.clear())
    suite = expectations(table("silver.readings"))
    nothing = Judged(day, day.clear(), day.clear())
    started = time.perf_counter()
    judged, doubted = doubt(nothing, reference, first)
    look = Inspection(quiet)
    look.add(day, judged, doubted, reference)
    found = look.outcomes()
    zero = pl.lit(0.0)
    outcomes = validate(judged.kept.with_columns(zero.alias(BEYOND_CONTRACT), zero.alias(BEYOND_PHYSICS)), suite)
    took = time.perf_counter() - started
    print(
        f"{day.height:,} rows of {reference.height:,} signals, {len(found) + len(outcomes)} checks, "
        f"calibration loop {_calibration():.2f} s"
    )
    ratio = took / LIMIT_S
    claim = Claim("quality of 1 M rows", "budget", round(took, 3), LIMIT_S, round(ratio, 4), 1.0, took <= LIMIT_S)
    return [claim.as_dict()]
