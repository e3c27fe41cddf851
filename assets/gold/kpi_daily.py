"""Key figures per machine and day, from roles alone."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.gold import figures
from assets.gold.figures import MACHINE_DAY, MACHINE_HOUR

_MACHINE = ["site", "equipment_id"]
_COLUMNS = [*MACHINE_DAY, "kpi", "value", "unit", "samples"]


def kpi_daily(
    hourly: pl.DataFrame, counters: pl.DataFrame, episodes: pl.DataFrame, watched: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    """Rows of `gold.kpi_daily` for `days`.

    Args:
        hourly: `silver.signal_hourly` from the first day on.
        counters: good `silver.readings` of signals with role count or good, of the days and the day before each.
        episodes: `silver.fault_episodes` raised by the last of the days.
        watched: `site` and `equipment_id` of machines whose faults would be seen.
        days: the days to compute.
    """
    wanted = pl.col("date").is_in(list(days))
    now = hourly.filter(wanted)
    time = figures.observed_time(hourly)
    made = figures.increase(counters, "count").filter(wanted)
    heard = figures.observed_time(now, MACHINE_HOUR).join(watched, on=_MACHINE, how="semi")
    faults = figures.failures(episodes, time.join(watched, on=_MACHINE, how="semi")).filter(wanted)
    available = _availability(figures.down_time(episodes, heard), faults)
    parts = [
        _named(figures.utilisation(now), "utilisation", "percent"),
        _named(available, "availability", "percent"),
        _named(made, "throughput", "1"),
        _named(_cycle_time(made, time), "cycle_time", "s"),
        *_failure_figures(faults),
        _named(_oee(hourly, counters, available, made, days), "oee", "percent"),
    ]
    return pl.concat(parts).sort(_COLUMNS[:5])


def _named(figure: pl.DataFrame, kpi: str, unit: str) -> pl.DataFrame:
    named = figure.with_columns(kpi=pl.lit(kpi), unit=pl.lit(unit), samples=pl.col("samples").cast(pl.Int64))
    return named.filter(pl.col("value").is_finite()).select(_COLUMNS)


def _availability(down: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    raised = faults.select(*MACHINE_DAY, samples="raised")
    return figures.availability(down, MACHINE_DAY).join(raised, on=MACHINE_DAY)


def _cycle_time(made: pl.DataFrame, time: pl.DataFrame) -> pl.DataFrame:
    produced = made.filter(pl.col("value") > 0).join(time.filter(pl.col("running_s") > 0), on=MACHINE_DAY)
    return produced.select(*MACHINE_DAY, "samples", value=pl.col("running_s") / pl.col("value"))


def _failure_figures(faults: pl.DataFrame) -> list[pl.DataFrame]:
    failed = faults.filter(pl.col("raised_ever") > 0)
    repaired = faults.filter(pl.col("cleared_ever") > 0)
    between = pl.col("running_ever_s") / pl.col("raised_ever") / 3600
    restore = pl.col("repair_ever_s") / pl.col("cleared_ever") / 3600
    operated = pl.col("running_ever_s") / 3600
    return [
        _named(faults.select(*MACHINE_DAY, value=operated, samples="raised_ever"), "operating_time", "hour"),
        _named(
            faults.select(*MACHINE_DAY, value=pl.col("raised").cast(pl.Float64), samples="raised"), "fault_count", "1"
        ),
        _named(failed.select(*MACHINE_DAY, value=between, samples="raised_ever"), "mtbf", "hour"),
        _named(repaired.select(*MACHINE_DAY, value=restore, samples="cleared_ever"), "mttr", "hour"),
    ]


def _oee(
    hourly: pl.DataFrame, counters: pl.DataFrame, available: pl.DataFrame, made: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    good = figures.increase(counters, "good").filter(pl.col("date").is_in(list(days)))
    factors = (
        available.select(*MACHINE_DAY, availability=pl.col("value") / 100)
        .join(figures.performance(hourly).rename({"value": "performance"}), on=MACHINE_DAY)
        .join(made.filter(pl.col("value") > 0).rename({"value": "made"}), on=MACHINE_DAY)
        .join(good.select(*MACHINE_DAY, good="value"), on=MACHINE_DAY)
    )
    oee = pl.col("availability") * pl.col("performance") * pl.col("good") / pl.col("made")
    return factors.select(*MACHINE_DAY, "samples", value=100 * oee)
