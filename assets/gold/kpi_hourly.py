"""Key figures per machine and hour, from roles alone."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.gold import figures
from assets.gold.figures import MACHINE_HOUR
from lake.tables.gold import KPI_HOURLY

RUNS = pl.col("role").is_in(["running", "speed"])
"""What tells how fast a machine ran."""
_NO_DIFFERENCE = 1e-6
"""Percent: less is arithmetic."""


def kpi_hourly(
    hourly: pl.DataFrame, counters: pl.DataFrame, episodes: pl.DataFrame, watched: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    """Rows of `gold.kpi_hourly` for `days`.

    Args:
        hourly: `silver.signal_hourly` of the days, and what is running or a speed of the 29 days before each.
        counters: good `silver.readings` of signals with role count or good, of the days and the day before each.
        episodes: `silver.fault_episodes` raised by the last of the days.
        watched: `site` and `equipment_id` of machines whose faults would be seen.
        days: the days to compute.
    """
    wanted = pl.col("date").is_in(list(days))
    now = hourly.filter(wanted)
    time = figures.observed_time(now, MACHINE_HOUR, hourly)
    made = figures.increase(counters, "count", MACHINE_HOUR).filter(wanted)
    seen = time.join(watched, on=["site", "equipment_id"], how="semi")
    raised = _raised(episodes.filter(wanted), seen)
    available = _available(seen, episodes).join(raised.select(*MACHINE_HOUR, samples="value"), on=MACHINE_HOUR)
    parts = {
        "utilisation": ("percent", figures.utilisation(now, MACHINE_HOUR)),
        "availability": ("percent", available),
        "throughput": ("1", made),
        "cycle_time": ("s", _cycle_time(made, time)),
        "fault_count": ("1", raised.with_columns(samples="value")),
        "oee": ("percent", _oee(hourly.filter(RUNS), counters, available, made).filter(wanted)),
    }
    figures_of_hours = pl.concat(_named(figure, kpi, unit) for kpi, (unit, figure) in parts.items())
    heard = time.select(*MACHINE_HOUR, "observed_s")
    rows = figures_of_hours.join(heard, on=MACHINE_HOUR, how="left").with_columns(pl.col("observed_s").fill_null(0.0))
    return rows.select(KPI_HOURLY.schema.names).sort(*KPI_HOURLY.keys)


def contradicted(stored: pl.DataFrame, episodes: pl.DataFrame) -> list[date]:
    """Days of stored hours whose availability the episodes contradict: a fault told of late, or cleared, changed them.

    Args:
        stored: rows of `gold.kpi_hourly`.
        episodes: all of `silver.fault_episodes`.
    """
    known = stored.filter(pl.col("kpi") == "availability")
    if known.is_empty():
        return []
    now = _available(known, episodes).select(*MACHINE_HOUR, now="value")
    changed = known.join(now, on=MACHINE_HOUR).filter((pl.col("value") - pl.col("now")).abs() > _NO_DIFFERENCE)
    return sorted(changed["date"].unique())


def _named(figure: pl.DataFrame, kpi: str, unit: str) -> pl.DataFrame:
    return figure.filter(pl.col("value").is_finite()).select(
        *MACHINE_HOUR,
        pl.col("value").cast(pl.Float64),
        pl.col("samples").cast(pl.Int64),
        kpi=pl.lit(kpi),
        unit=pl.lit(unit),
    )


def _raised(episodes: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Faults raised in each hour in which a machine was heard, or had one; `value`."""
    on = ["site", "equipment_id", "date", "hour"]
    machines = seen.select(*figures.MACHINE).unique()
    counted = episodes.with_columns(hour=pl.col("raised_at").dt.truncate("1h")).group_by(on).agg(value=pl.len())
    told_of = counted.join(machines, on=["site", "equipment_id"]).select(*MACHINE_HOUR, "value")
    silent = told_of.join(seen, on=MACHINE_HOUR, how="anti")
    heard = seen.select(MACHINE_HOUR).join(told_of, on=MACHINE_HOUR, how="left")
    return pl.concat([heard, silent]).with_columns(pl.col("value").fill_null(0))


def _available(heard: pl.DataFrame, episodes: pl.DataFrame) -> pl.DataFrame:
    """Percent of the observed time of each hour under no fault; `value`."""
    return figures.availability(figures.down_time(episodes, heard), MACHINE_HOUR)


def _cycle_time(made: pl.DataFrame, time: pl.DataFrame) -> pl.DataFrame:
    produced = made.filter(pl.col("value") > 0).join(time.filter(pl.col("running_s") > 0), on=MACHINE_HOUR)
    return produced.select(*MACHINE_HOUR, "samples", value=pl.col("running_s") / pl.col("value"))


def _oee(runs: pl.DataFrame, counters: pl.DataFrame, available: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    good = figures.increase(counters, "good", MACHINE_HOUR).select(*MACHINE_HOUR, good="value")
    factors = (
        available.select(*MACHINE_HOUR, availability=pl.col("value") / 100)
        .join(figures.performance(runs, MACHINE_HOUR).rename({"value": "performance"}), on=MACHINE_HOUR)
        .join(made.filter(pl.col("value") > 0).rename({"value": "made"}), on=MACHINE_HOUR)
        .join(good, on=MACHINE_HOUR)
    )
    oee = pl.col("availability") * pl.col("performance") * pl.col("good") / pl.col("made")
    return factors.select(*MACHINE_HOUR, "samples", value=100 * oee)
