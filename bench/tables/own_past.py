"""Bare Polars: commissioning baselines, deviations from them, health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from bench.tables.step import Place
from lake.tables import gold, silver

_MACHINE = ["site", "equipment_id", "equipment_type"]
_SIGNAL = [*_MACHINE, "signal", "unit"]
_SAMPLES, _LEAST, _OLD = 336, 30, timedelta(days=14)


def baseline(place: Place, days: Sequence[date]) -> None:
    """`gold.baseline`: of each signal the samples up to the one that completes it."""
    value, ts = pl.col("value"), pl.col("ts").sort()
    measured = place.scan(silver.READINGS).filter(
        pl.col("date") <= days[-1],
        pl.col("quality") & 0xC000_0000 == 0,
        value.is_not_null(),
        ~pl.col("role").fill_null("").is_in(["count", "good"]),
    )
    old = ts.filter(ts - ts.first() >= _OLD).first()
    ends = measured.group_by(_SIGNAL).agg(
        full=ts.get(_SAMPLES - 1, null_on_oob=True), least=ts.get(_LEAST - 1, null_on_oob=True), old=old
    )
    aged = pl.when(pl.col("least").is_not_null() & pl.col("old").is_not_null()).then(pl.max_horizontal("least", "old"))
    found = (
        measured.select(*_SIGNAL, "ts", "value")
        .join(ends.select(*_SIGNAL, end=pl.min_horizontal("full", aged)), on=_SIGNAL)
        .filter(pl.col("ts") <= pl.col("end"))
        .group_by(_SIGNAL)
        .agg(
            center=value.median(),
            mad=(value - value.median()).abs().median() * 1.4826,
            central=(value.quantile(0.95) - value.quantile(0.05)) / 3.29,
            low=value.min(),
            high=value.max(),
            samples=pl.len().cast(pl.Int64),
            first_ts=pl.col("ts").min(),
            last_ts=pl.col("ts").max(),
        )
    )
    share = (pl.col("unit") == "1") & (pl.col("low") >= 0) & (pl.col("high") <= 1)
    floor = pl.max_horizontal(pl.col("center").abs() * 0.0005, pl.when(share).then(0.05))
    rows = found.with_columns(spread=pl.max_horizontal("mad", "central", floor), date=pl.col("last_ts").dt.date())
    due = (pl.col("spread") > 0) & pl.col("date").is_between(days[0], days[-1])
    place.write(gold.BASELINE, rows.filter(due).collect())


def deviation_daily(place: Place, days: Sequence[date]) -> None:
    """`gold.deviation_daily`."""
    known = place.scan(gold.BASELINE).select(*_SIGNAL, "center", "spread", "last_ts")
    weight = pl.col("observed_s")
    rows = (
        place.scan(silver.SIGNAL_HOURLY)
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .join(known, on=_SIGNAL)
        .filter(pl.col("hour") + pl.duration(hours=1) > pl.col("last_ts"))
        .group_by(*_SIGNAL, "date")
        .agg(
            mean=(pl.col("mean") * weight).sum() / weight.sum(),
            baseline=pl.col("center").first(),
            spread=pl.col("spread").first(),
        )
        .with_columns(deviation=(pl.col("mean") - pl.col("baseline")) / pl.col("spread"))
    )
    place.write(gold.DEVIATION_DAILY, rows.collect())


def health_daily(place: Place, days: Sequence[date]) -> None:
    """`gold.health_daily`: the signal farthest off, in words."""
    far = pl.col("deviation").abs()
    unit = pl.when(pl.col("unit") == "1").then(pl.lit("")).otherwise(pl.format(" {}", "unit"))
    words = pl.format(
        "{} {}{}, {} spreads {} its own baseline {}{}",
        "signal",
        pl.col("mean").round_sig_figs(4),
        unit,
        far.round(1),
        pl.when(pl.col("deviation") < 0).then(pl.lit("below")).otherwise(pl.lit("above")),
        pl.col("baseline").round_sig_figs(4),
        unit,
    )
    rows = (
        place.scan(gold.DEVIATION_DAILY)
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .sort(far, "signal", descending=[True, False])
        .unique([*_MACHINE, "date"], keep="first", maintain_order=True)
        .select(
            *_MACHINE,
            "date",
            anomaly_score=far / (far + 6),
            top_signal="signal",
            top_deviation="deviation",
            reason=words,
        )
    )
    place.write(gold.HEALTH_DAILY, rows.collect())
