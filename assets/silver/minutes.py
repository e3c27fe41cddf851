"""What signals were minute by minute. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.silver.holding import SIGNAL_DAY, held

_MINUTE = pl.duration(minutes=1)


def minutely(readings: pl.DataFrame, catalogue: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `silver.signal_minutely` for `days`: minutes in which a sample lies, and the first of a day that began
    under a value.

    Args:
        readings: rows of `silver.readings` of the days, and of the day before each.
        catalogue: see `assets.catalogue.catalogue`.
        days: the days to compute.
    """
    own = readings.filter(~pl.col("signal").str.contains(":", literal=True))
    return _by_minute(_with_what_stood(held(own, catalogue, days)))


def _with_what_stood(samples: pl.DataFrame) -> pl.DataFrame:
    """Samples with the seconds each held in its minute, and `carried_s` that the one before still held in it."""
    midnight = pl.col("day").cast(pl.Datetime("us", "UTC"))
    began = samples.filter((pl.col("ts") >= midnight) | (pl.col("until") > midnight)).with_columns(
        sampled=pl.col("ts") >= midnight, ts=pl.max_horizontal("ts", midnight)
    )
    placed = began.with_columns(
        minute=pl.col("ts").dt.truncate("1m"),
        before=pl.col("value").shift(1).over(SIGNAL_DAY),
        stood=pl.col("until").shift(1).over(SIGNAL_DAY),
    )
    first = pl.col("minute") != pl.col("minute").shift(1).over(SIGNAL_DAY)
    carried = pl.min_horizontal("stood", "ts") - pl.col("minute")
    own = pl.min_horizontal(pl.col("until"), pl.col("minute") + _MINUTE) - pl.col("ts")
    return placed.with_columns(
        seconds=_seconds(own), carried_s=pl.when(first.fill_null(False)).then(_seconds(carried)).otherwise(0.0)
    ).with_columns(before=pl.when(pl.col("carried_s") > 0).then("before"))


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds().clip(lower_bound=0) / 1e6


def _by_minute(samples: pl.DataFrame) -> pl.DataFrame:
    value, before = pl.col("value"), pl.col("before")
    weight = pl.col("seconds").sum() + pl.col("carried_s").sum()
    area = (value * pl.col("seconds")).sum() + (before * pl.col("carried_s")).sum()
    return (
        samples.group_by(["equipment_type", "unit", "role", *SIGNAL_DAY, "minute"], maintain_order=True)
        .agg(
            mean=pl.when(weight > 0).then(area / weight).otherwise(value.mean()),
            min=pl.min_horizontal(value.min(), before.min()),
            max=pl.max_horizontal(value.max(), before.max()),
            last=value.last(),
            samples=pl.col("sampled").sum().cast(pl.Int64),
            observed_s=weight,
            until=pl.col("until").last(),
        )
        .rename({"day": "date"})
    )
