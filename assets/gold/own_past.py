"""A machine measured against its own past: commissioning baseline, deviation, health. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.silver.judge import is_good
from quality.sentences import sentence

MACHINE = ["site", "equipment_id", "equipment_type"]
SIGNAL = [*MACHINE, "signal", "unit"]
COMMISSIONING_SAMPLES = 336
COMMISSIONING_DAYS = 14
LEAST_SAMPLES = 30
LIFE_SHARE = 0.15
LEAST_SPREAD = 0.0005
"""Of the median: finer than instruments resolve, so that a constant signal does not divide by nothing."""
LEAST_SPREAD_OF_SHARE = 0.05
"""For a dimensionless signal between 0 and 1, a duty or a switch, which may be constant while commissioned."""
_COUNTERS = ["count", "good"]
HALF_SCORE = 6.0
"""Spreads at which the anomaly score is one half."""


def commissioning(history: pl.DataFrame) -> pl.DataFrame:
    """Samples that make a baseline for each equipment type whose whole lives are recorded; column `needed`.

    Args:
        history: `site`, `equipment_type`, `equipment_id` and `step` of `bronze.history`.
    """
    lives = history.group_by("site", "equipment_type", "equipment_id").agg(pl.col("step").max())
    share = (pl.col("step").median() * LIFE_SHARE).round().clip(lower_bound=LEAST_SAMPLES)
    return lives.group_by("equipment_type").agg(needed=share.cast(pl.Int64))


def is_measured() -> pl.Expr:
    """True for rows of `silver.readings` of which a baseline is made: good numbers that count nothing."""
    counts = pl.col("role").fill_null("").is_in(_COUNTERS) | pl.col("signal").str.contains(":count:", literal=True)
    return is_good() & pl.col("value").is_not_null() & ~counts


def completed(counts: pl.DataFrame, needed: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Signals whose baseline is completed on `days`, and `until`, the day: all later samples may be left unread.

    Args:
        counts: of each signal and day what is measured (`is_measured`): `samples`, `first` and `last` of their times.
        needed: see `commissioning`.
        days: the days to compute.
    """
    so_far = pl.col("samples").cum_sum().over(SIGNAL)
    old = pl.col("last") - pl.col("first").min().over(SIGNAL) >= pl.duration(days=COMMISSIONING_DAYS)
    known = counts.join(needed, on="equipment_type", how="left").sort(*SIGNAL, "date")
    complete = (so_far >= _enough()) | (old & (so_far >= LEAST_SAMPLES))
    ends = known.filter(complete).group_by(SIGNAL).agg(until=pl.col("date").min())
    return ends.filter(pl.col("until").is_in(list(days)))


def _enough() -> pl.Expr:
    return pl.col("needed").fill_null(COMMISSIONING_SAMPLES)


def baseline(readings: pl.DataFrame | pl.LazyFrame, needed: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `gold.baseline` that were completed on `days`.

    Args:
        readings: `silver.readings` from each machine's first day on.
        needed: see `commissioning`.
        days: the days to compute.
    """
    samples = readings.lazy().filter(is_measured()).select(*SIGNAL, "ts", "value")
    at = pl.col("ts").sort()
    times = samples.group_by(SIGNAL).agg(
        at=at,
        least=at.get(LEAST_SAMPLES - 1, null_on_oob=True),
        old=at.filter(at - at.first() >= pl.duration(days=COMMISSIONING_DAYS)).first(),
    )
    aged = pl.when(pl.col("least").is_not_null() & pl.col("old").is_not_null()).then(pl.max_horizontal("least", "old"))
    full = pl.col("at").list.get(_enough() - 1, null_on_oob=True)
    ends = times.join(needed.lazy(), on="equipment_type", how="left").select(*SIGNAL, end=pl.min_horizontal(full, aged))
    within = samples.join(ends, on=SIGNAL).filter(pl.col("ts") <= pl.col("end"))
    return _center_and_spread(within).filter(pl.col("date").is_in(list(days))).sort(SIGNAL).collect()


def _center_and_spread(samples: pl.LazyFrame) -> pl.LazyFrame:
    value = pl.col("value")
    found = samples.group_by(SIGNAL).agg(
        center=value.median(),
        mad=(value - value.median()).abs().median() * 1.4826,
        central=(value.quantile(0.95) - value.quantile(0.05)) / 3.29,
        low=value.min(),
        high=value.max(),
        samples=pl.len().cast(pl.Int64),
        first_ts=pl.col("ts").min(),
        last_ts=pl.col("ts").max(),
    )
    is_share = (pl.col("unit") == "1") & (pl.col("low") >= 0) & (pl.col("high") <= 1)
    floor = pl.max_horizontal(pl.col("center").abs() * LEAST_SPREAD, pl.when(is_share).then(LEAST_SPREAD_OF_SHARE))
    return (
        found.with_columns(spread=pl.max_horizontal("mad", "central", floor), date=pl.col("last_ts").dt.date())
        .filter(pl.col("spread") > 0)
        .drop("mad", "central", "low", "high")
    )


def deviation_daily(hourly: pl.DataFrame | pl.LazyFrame, baselines: pl.DataFrame) -> pl.DataFrame:
    """Rows of `gold.deviation_daily`: days after a baseline was complete, and the day it was, from then on.

    Args:
        hourly: `silver.signal_hourly` of the days to compute.
        baselines: rows of `gold.baseline`.
    """
    known = baselines.select(*SIGNAL, "spread", "last_ts", baseline="center")
    after = (
        hourly.lazy().join(known.lazy(), on=SIGNAL).filter(pl.col("hour") + pl.duration(hours=1) > pl.col("last_ts"))
    )
    weight = pl.col("observed_s")
    mean = (
        pl.when(weight.sum() > 0).then((pl.col("mean") * weight).sum() / weight.sum()).otherwise(pl.col("mean").mean())
    )
    return (
        after.group_by([*SIGNAL, "date"])
        .agg(mean=mean, baseline=pl.col("baseline").first(), spread=pl.col("spread").first())
        .with_columns(deviation=(pl.col("mean") - pl.col("baseline")) / pl.col("spread"))
        .sort(*SIGNAL, "date")
        .collect()
    )


def health_daily(deviations: pl.DataFrame) -> pl.DataFrame:
    """Rows of `gold.health_daily`: the signal farthest from its baseline speaks for its machine."""
    ordered = deviations.sort(
        *MACHINE, "date", pl.col("deviation").abs(), "signal", descending=[False] * 4 + [True, False]
    )
    top = ordered.group_by([*MACHINE, "date"], maintain_order=True).first()
    size = pl.col("deviation").abs()
    words = sentence(
        "{} {} {}, {} spreads {} its own baseline {} {}",
        "signal",
        _figure("mean"),
        _spelled("unit"),
        size.round(1),
        pl.when(pl.col("deviation") < 0).then(pl.lit("below")).otherwise(pl.lit("above")),
        _figure("baseline"),
        _spelled("unit"),
    )
    return top.select(
        *MACHINE,
        anomaly_score=size / (size + HALF_SCORE),
        top_signal="signal",
        top_deviation="deviation",
        reason=words.str.replace_all("  ", " ").str.replace(" ,", ",", literal=True).str.strip_chars(),
        date="date",
    )


def _figure(name: str) -> pl.Expr:
    return pl.col(name).round_sig_figs(4)


def _spelled(name: str) -> pl.Expr:
    return pl.when(pl.col(name) == "1").then(pl.lit("")).otherwise(pl.col(name))
