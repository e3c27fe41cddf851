"""Days held against healthy envelopes: each signal, and each machine as a whole, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from assets.gold.commissioned import ALL, by_machine, restored
from assets.gold.own_past import MACHINE
from quality.sentences import sentence

_DAY = [*MACHINE, "date"]
_SIGNAL_DAY = [*MACHINE, "signal", "unit", "date"]
_INSIDE, _UNSEEN, _OUTSIDE = 0, 1, 2
_HOURS = {
    **dict.fromkeys(MACHINE, pl.String),
    "hour": pl.Datetime("us"),
    "condition": pl.Int64,
    "distance": pl.Float64,
}


def judged(hourly: pl.DataFrame, envelopes: pl.DataFrame, days: Sequence[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hours of machines, and of their signals, against the envelopes complete before their day.

    Args:
        hourly: rows of `silver.signal_hourly` of `days`.
        envelopes: rows of `gold.envelope`.
        days: the days to compute.

    Returns:
        Machines' hours with `condition`, `distance` and whether commissioning has `seen` the condition, and signals'
        hours with those, limits and `spreads`.
    """
    after = envelopes.select(*MACHINE, complete="date").unique()
    facts = envelopes.select(*MACHINE, "condition", "settings", "signal", "center", "spread", "low", "high")
    known = envelopes.select(*MACHINE, "signal", "unit").unique()
    due = (
        hourly.filter(pl.col("date").is_in(list(days)))
        .join(after, on=MACHINE)
        .filter(pl.col("date") > pl.col("complete"))
        .join(known, on=[*MACHINE, "signal", "unit"], how="semi")
    )
    found = pl.concat([pl.DataFrame(schema=_HOURS), *_distances(due, envelopes)])
    machines = found.with_columns(pl.col("hour").dt.replace_time_zone("UTC"))
    held = due.select(*_SIGNAL_DAY, "hour", "mean")
    knows = envelopes.group_by(MACHINE).agg(knows=pl.col("condition").max() > 0)
    placed = machines.join(knows, on=MACHINE).with_columns(seen=(pl.col("condition") > 0) | ~pl.col("knows"))
    signals = (
        held.join(placed, on=[*MACHINE, "hour"])
        .join(facts, on=[*MACHINE, "condition", "signal"])
        .with_columns(off=pl.col("mean") - pl.col("center"))
        .with_columns(spreads=pl.col("off") / pl.col("spread"))
    )
    return placed.with_columns(date=pl.col("hour").dt.date()), signals


def _distances(hourly: pl.DataFrame, envelopes: pl.DataFrame) -> Iterator[pl.DataFrame]:
    known = envelopes.sort("condition", "signal").partition_by(MACHINE, as_dict=True)
    for hours in by_machine(hourly):
        found = restored(known[hours.machine])
        values = hours.columns(found.signals)
        there = np.isfinite(values).any(axis=1)
        condition, distance = found.judge(values[there])
        machine = dict(zip(MACHINE, ([one] * len(condition) for one in hours.machine), strict=True))
        facts = {"hour": hours.at[there], "condition": condition, "distance": distance}
        yield pl.DataFrame({**machine, **facts}, schema_overrides={"hour": pl.Datetime("us")})


def signal_days(signals: pl.DataFrame) -> pl.DataFrame:
    """Rows of `gold.envelope_signal_daily`.

    Args:
        signals: the second frame of `judged`.
    """
    outside = (pl.col("mean") < pl.col("low")) | (pl.col("mean") > pl.col("high"))
    limit = (pl.col("high") - pl.col("low")) / 2
    in_limits = (pl.col("off").abs() / limit).mean()
    told = _with_run(signals.with_columns(found=_found(outside)), _SIGNAL_DAY)
    days = told.group_by(_SIGNAL_DAY, maintain_order=True).agg(
        *_run(),
        *_at(pl.col("spreads").abs()),
        mean=pl.col("mean").mean(),
        deviation=pl.col("off").mean(),
        spreads=pl.col("spreads").mean(),
        anomaly_score=in_limits / (in_limits + 1),
        off=pl.col("off").filter("told").mean(),
    )
    return days.with_columns(reason=_words())


def machine_days(machines: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """Rows of `gold.envelope_daily`; the signal farthest off in the longest run outside speaks for its machine.

    Args:
        machines: the first frame of `judged`.
        signals: the second.
    """
    told = _with_run(machines.with_columns(found=_found(pl.col("distance") > 1)), _DAY)
    distance = pl.col("distance").mean()
    days = told.group_by(_DAY, maintain_order=True).agg(
        *_run(),
        distance=distance,
        anomaly_score=distance / (distance + 1),
        hours_pooled=(~pl.col("seen")).sum().cast(pl.Int64),
    )
    spoken = told.filter("told").select(*MACHINE, "hour")
    farthest = (
        signals.join(spoken, on=[*MACHINE, "hour"], how="semi")
        .group_by(_SIGNAL_DAY, maintain_order=True)
        .agg(*_at(pl.col("spreads").abs()), off=pl.col("off").mean(), top_deviation=pl.col("spreads").mean())
        .sort(*_DAY, pl.col("top_deviation").abs(), "signal", descending=[False] * 4 + [True, False])
        .group_by(_DAY, maintain_order=True)
        .first()
    )
    return days.join(farthest, on=_DAY).with_columns(reason=_words()).rename({"signal": "top_signal"})


def _found(outside: pl.Expr) -> pl.Expr:
    """What became of an hour; a condition that nobody has seen healthy has no limits to be outside of."""
    return pl.when(~pl.col("seen")).then(_UNSEEN).when(outside).then(_OUTSIDE).otherwise(_INSIDE)


def _with_run(hours: pl.DataFrame, group: list[str]) -> pl.DataFrame:
    """Hours in order with `run`, whether each lies in the longest run outside (the last of equals), and `told`.

    Without an hour outside it is the longest run under conditions not seen. `told` are the hours that speak: that
    run's, or all where every hour is inside.
    """
    numbered = hours.sort(*group, "hour").with_columns(number=pl.col("found").rle_id().over(group))
    worst = (pl.col("found") != _INSIDE) & (pl.col("found") == pl.col("found").max().over(group))
    sized = numbered.with_columns(length=pl.when(worst).then(pl.len().over(*group, "number")).otherwise(0))
    longest = (pl.col("length") > 0) & (pl.col("length") == pl.col("length").max().over(group))
    last = pl.col("number").filter(longest).max().over(group)
    run = sized.with_columns(run=(longest & (pl.col("number") == last)).fill_null(False))
    return run.with_columns(told=pl.col("run") | ~pl.col("run").any().over(group))


def _run() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("hours"),
        (pl.col("found") == _OUTSIDE).sum().cast(pl.Int64).alias("hours_outside"),
        pl.col("hour").filter("run").min().alias("since"),
        pl.col("hour").filter("run").max().alias("until"),
        pl.col("hour").max().alias("last"),
        pl.col("run").all().alias("always"),
    ]


def _at(far: pl.Expr) -> list[pl.Expr]:
    """Condition of the hour farthest off."""
    return [pl.col(name).sort_by(far).last() for name in ("condition", "settings", "knows")]


def _words() -> pl.Expr:
    """`since 14:00, oil_temperature 6.2 degC above what is usual at outlet_valve 0.06 to 0.07`."""
    clock = "%H:%M"
    when = (
        pl.when(pl.col("since").is_null())
        .then(pl.lit("within its limits"))
        .when("always")
        .then(pl.lit("in every hour"))
        .when(pl.col("until") == pl.col("last"))
        .then(sentence("since {}", pl.col("since").dt.strftime(clock)))
        .otherwise(
            sentence(
                "from {} to {}",
                pl.col("since").dt.strftime(clock),
                (pl.col("until") + pl.duration(hours=1)).dt.strftime(clock),
            )
        )
    )
    at = (
        pl.when(pl.col("settings") != ALL)
        .then(sentence(" at {}", "settings"))
        .when("knows")
        .then(pl.lit(" over all conditions; commissioning did not know this one"))
        .otherwise(pl.lit(""))
    )
    unit = pl.when(pl.col("unit") == "1").then(pl.lit("")).otherwise(sentence(" {}", "unit"))
    side = pl.when(pl.col("off") < 0).then(pl.lit("below")).otherwise(pl.lit("above"))
    return sentence(
        "{}, {} {}{} {} what is usual{}", when, "signal", pl.col("off").abs().round_sig_figs(3), unit, side, at
    )
