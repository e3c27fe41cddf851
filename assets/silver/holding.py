"""Sample and hold: how long a value stood, and what that makes of an hour. Pure: frames in, frames out.

Every day is computed from its own samples and those of the day before, and from nothing else: a day built alone is
the same as one built in a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.silver.judge import is_good

_MACHINE_DAY = ["site", "equipment_id", "day"]
SIGNAL_DAY = ["site", "equipment_id", "signal", "day"]
_GAP = 3
"""Median sampling intervals without a sample after which a value no longer stands."""
_HOUR = pl.duration(hours=1)
_INSTANT = pl.duration(microseconds=1)


def hourly(readings: pl.DataFrame, catalogue: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `silver.signal_hourly` for `days`.

    Args:
        readings: rows of `silver.readings` of the days, and of the day before each.
        catalogue: see `assets.catalogue.catalogue`.
        days: the days to compute.
    """
    return _by_hour(held(readings, catalogue, days))


def _each_with_day_before(readings: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    numeric = readings.select(
        "site", "equipment_id", "equipment_type", "signal", "ts", "value", "quality", "unit", "role", "date"
    )
    own = numeric.with_columns(day=pl.col("date"))
    before = numeric.with_columns(day=pl.col("date") + pl.duration(days=1))
    return pl.concat([own, before]).filter(pl.col("day").is_in(list(days)))


def held(readings: pl.DataFrame, catalogue: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Good numeric samples of each day and the day before it, with the time until each held, at most the end of `day`.

    A value holds until the next sample of its signal, good or bad. A silence of more than three median intervals ends
    it after one interval, unless the contract filters the signal through a deadband: then silence means no change.
    The last value holds until its machine was last heard of, and one interval beyond. Arguments: see `hourly`.
    """
    samples = _each_with_day_before(readings, days)
    deadbands = catalogue.filter("deadband").select("site", "equipment_id", signal="base").with_columns(quiet=True)
    rows = samples.join(deadbands, on=["site", "equipment_id", "signal"], how="left").sort(*SIGNAL_DAY, "ts")
    timed = rows.with_columns(
        quiet=pl.col("quiet").fill_null(False),
        heard=pl.col("ts").max().over(_MACHINE_DAY),
        step=(pl.col("ts").shift(-1) - pl.col("ts")).over(SIGNAL_DAY),
    ).with_columns(interval=pl.col("step").median().over(SIGNAL_DAY).fill_null(pl.duration(seconds=0)))
    is_last = pl.col("step").is_null()
    fell_silent = ~pl.col("quiet") & (pl.col("step") > pl.col("interval") * _GAP)
    until = (
        pl.when(is_last & pl.col("quiet"))
        .then(pl.col("heard") + pl.min_horizontal("interval", _HOUR))
        .when(is_last | fell_silent)
        .then(pl.col("ts") + pl.col("interval"))
        .otherwise(pl.col("ts") + pl.col("step"))
    )
    midnight = (pl.col("day") + pl.duration(days=1)).cast(pl.Datetime("us", "UTC"))
    return timed.filter(is_good() & pl.col("value").is_not_null()).with_columns(
        until=pl.min_horizontal(until, midnight)
    )


def _by_hour(held: pl.DataFrame) -> pl.DataFrame:
    """Hours of `day` with what was held in them; a value that holds over several hours counts in each."""
    # `until` is exclusive: a value that holds to the full hour does not reach into the next one.
    last_hour = pl.max_horizontal(pl.col("ts"), pl.col("until") - _INSTANT).dt.truncate("1h")
    first_hour = pl.max_horizontal(pl.col("ts").dt.truncate("1h"), pl.col("day").cast(pl.Datetime("us", "UTC")))
    spans = (
        held.filter(first_hour <= last_hour)
        .with_columns(hour=pl.datetime_ranges(first_hour, last_hour, "1h"))
        .explode("hour")
    )
    seconds = pl.col("seconds")
    overlap = pl.min_horizontal(pl.col("until"), pl.col("hour") + _HOUR) - pl.max_horizontal("ts", "hour")
    weighted = spans.with_columns(
        seconds=overlap.dt.total_microseconds().clip(lower_bound=0) / 1e6, sampled=pl.col("ts") >= pl.col("hour")
    )
    mean = pl.when(seconds.sum() > 0).then((pl.col("value") * seconds).sum() / seconds.sum())
    return (
        weighted.group_by(["equipment_type", "unit", "role", *SIGNAL_DAY, "hour"], maintain_order=True)
        .agg(
            mean=mean.otherwise(pl.col("value").mean()),
            min=pl.col("value").min(),
            max=pl.col("value").max(),
            last=pl.col("value").last(),
            samples=pl.col("sampled").sum().cast(pl.Int64),
            observed_s=seconds.sum(),
        )
        .rename({"day": "date"})
    )
