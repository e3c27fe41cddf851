"""Bare Polars: signals by the hour and minute, faults, states of machines, spells of bad quality."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from bench.tables.step import Place
from lake.tables import machines, ops, silver

_MACHINE = ["site", "equipment_id", "equipment_type"]
_SIGNAL = [*_MACHINE, "signal", "unit", "role"]
_FAULT = ["site", "equipment_id", "fault_code"]
_TIME = pl.Datetime("us", "UTC")
_DAY_S = timedelta(days=1)


def signal_hourly(place: Place, days: Sequence[date]) -> None:
    """`silver.signal_hourly` of one day."""
    (day,) = days
    begins = pl.max_horizontal(pl.col("ts").dt.truncate("1h"), pl.lit(_midnight(day)))
    ends = pl.max_horizontal("ts", pl.col("until") - pl.duration(microseconds=1)).dt.truncate("1h")
    value, seconds, hour = pl.col("value"), pl.col("seconds"), pl.col("hour")
    over = pl.min_horizontal("until", hour + pl.duration(hours=1)) - pl.max_horizontal("ts", hour)
    rows = (
        _held(place, day)
        .filter(begins <= ends)
        .with_columns(hour=pl.datetime_ranges(begins, ends, "1h"))
        .explode("hour", empty_as_null=False)
        .with_columns(seconds=_seconds(over))
        .group_by(*_SIGNAL, "hour", maintain_order=True)
        .agg(
            mean=pl.when(seconds.sum() > 0).then((value * seconds).sum() / seconds.sum()).otherwise(value.mean()),
            min=value.min(),
            max=value.max(),
            last=value.last(),
            samples=(pl.col("ts") >= hour).sum().cast(pl.Int64),
            observed_s=seconds.sum(),
        )
        .with_columns(date=pl.lit(day))
    )
    place.write(silver.SIGNAL_HOURLY, rows.collect())


def signal_minutely(place: Place, days: Sequence[date]) -> None:
    """`silver.signal_minutely` of one day: minutes with a sample, and the first of a day that began under a value."""
    (day,) = days
    midnight = pl.lit(_midnight(day))
    value, minute = pl.col("value"), pl.col("minute")
    first = (minute != minute.shift(1).over(_SIGNAL)).fill_null(value=False)
    carried = _seconds(pl.min_horizontal(pl.col("until").shift(1).over(_SIGNAL), "ts") - minute)
    before = pl.when(pl.col("carried_s") > 0).then("before")
    weight = pl.col("seconds").sum() + pl.col("carried_s").sum()
    area = (value * pl.col("seconds")).sum() + (before * pl.col("carried_s")).sum()
    rows = (
        _held(place, day)
        .filter((pl.col("ts") >= midnight) | (pl.col("until") > midnight))
        .with_columns(sampled=pl.col("ts") >= midnight, ts=pl.max_horizontal("ts", midnight))
        .with_columns(minute=pl.col("ts").dt.truncate("1m"))
        .with_columns(
            before=value.shift(1).over(_SIGNAL),
            carried_s=pl.when(first).then(carried).otherwise(0.0),
            seconds=_seconds(pl.min_horizontal("until", minute + pl.duration(minutes=1)) - pl.col("ts")),
        )
        .group_by(*_SIGNAL, "minute", maintain_order=True)
        .agg(
            mean=pl.when(weight > 0).then(area / weight).otherwise(value.mean()),
            min=pl.min_horizontal(value.min(), before.min()),
            max=pl.max_horizontal(value.max(), before.max()),
            last=value.last(),
            samples=pl.col("sampled").sum().cast(pl.Int64),
            observed_s=weight,
            until=pl.col("until").last(),
        )
        .with_columns(date=pl.lit(day))
    )
    place.write(machines.SIGNAL_MINUTELY, rows.collect())


def fault_episodes(place: Place, days: Sequence[date]) -> None:
    """`silver.fault_episodes`, of all events."""
    raised = pl.col("state") == "raised"
    opens = raised & (pl.col("state").shift(1).over(_FAULT).fill_null("cleared") == "cleared")
    severity = pl.col("severity")
    named = pl.format("{}|{}|{}|{}", *_FAULT, pl.col("raised_at").dt.epoch("us"))
    rows = (
        place.scan(silver.EVENTS)
        .filter(pl.col("state").is_in(["raised", "cleared"]))
        .sort(*_FAULT, "ts", "event_id")
        .with_columns(number=opens.cast(pl.Int32).cum_sum().over(_FAULT))
        .filter(pl.col("number") > 0)
        .group_by(*_FAULT, "number", maintain_order=True)
        .agg(
            pl.col("equipment_type").first(),
            severity.filter(raised).max(),
            pl.col("message").filter(raised).first(),
            raised_at=pl.col("ts").first(),
            cleared_at=pl.col("ts").filter(~raised).first(),
        )
        .with_columns(
            episode_id=named.map_elements(
                lambda text: hashlib.sha256(text.encode()).hexdigest()[:16], return_dtype=pl.String
            ),
            level=pl.when(severity >= 90)
            .then(pl.lit("critical"))
            .when(severity >= 70)
            .then(pl.lit("warning"))
            .otherwise(pl.lit("info")),
            duration_s=(pl.col("cleared_at") - pl.col("raised_at")).dt.total_microseconds() / 1e6,
            date=pl.col("raised_at").dt.date(),
        )
        .filter(pl.col("date").is_between(days[0], days[-1]))
    )
    place.write(silver.FAULT_EPISODES, rows.collect())


def equipment_states(place: Place, days: Sequence[date]) -> None:
    """`silver.equipment_states` of one day, of machines with a running signal: a sweep over what begins and ends."""
    (day,) = days
    begin, end = pl.lit(_midnight(day)), pl.lit(_midnight(day) + _DAY_S)
    within = {"begins": pl.max_horizontal("begins", begin), "ends": pl.min_horizontal("ends", end)}
    runs = (
        _held(place, day, pl.col("role") == "running")
        .select(*_MACHINE, begins="ts", ends="until", heard=1, runs=(pl.col("value") >= 0.5).cast(pl.Int64), faults=0)
        .with_columns(**within)
        .filter(pl.col("begins") < pl.col("ends"))
    )
    down = (
        place.scan(silver.FAULT_EPISODES)
        .select(*_MACHINE, begins="raised_at", ends=pl.col("cleared_at").fill_null(end), heard=0, runs=0, faults=1)
        .with_columns(**within)
        .filter(pl.col("begins") < pl.col("ends"))
    )
    counts = ["heard", "runs", "faults"]
    spans = pl.concat([runs, down], how="vertical_relaxed")
    steps = [
        spans.select(*_MACHINE, *counts, at="begins"),
        spans.select(*_MACHINE, *(-pl.col(name) for name in counts), at="ends"),
    ]
    state = (
        pl.when(pl.col("heard") > 0)
        .then(
            pl.when(pl.col("faults") > 0)
            .then(pl.lit("faulted"))
            .when(pl.col("runs") > 0)
            .then(pl.lit("running"))
            .otherwise(pl.lit("stopped"))
        )
        .otherwise(None)
    )
    rows = (
        pl.concat(steps)
        .group_by(*_MACHINE, "at")
        .agg(pl.col(counts).sum())
        .sort(*_MACHINE, "at")
        .with_columns(pl.col(counts).cum_sum().over(_MACHINE), until=pl.col("at").shift(-1).over(_MACHINE))
        .with_columns(state=state)
        .filter(pl.col("until").is_not_null())
        .with_columns(turn=pl.col("state").rle_id().over(_MACHINE))
        .group_by(*_MACHINE, "turn", maintain_order=True)
        .agg(pl.col("state").first(), started_at=pl.col("at").first(), ended_at=pl.col("until").last())
        .filter(pl.col("state").is_not_null())
        .with_columns(duration_s=_seconds(pl.col("ended_at") - pl.col("started_at")), date=pl.lit(day))
    )
    place.write(machines.EQUIPMENT_STATES, rows.collect())


def gaps(place: Place, days: Sequence[date]) -> None:
    """`ops.gaps` where bridges noticed none: spells of bad quality."""
    series = ["site", "equipment_id", "signal", "date"]
    rows = (
        place.scan(silver.READINGS)
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .select(*series, "ts", bad=(pl.col("quality") & 0x8000_0000) != 0)
        .filter(pl.col("bad").any().over(series))
        .sort(*series, "ts")
        .with_columns(run=pl.col("bad").rle_id().over(series), after=pl.col("ts").shift(-1).over(series))
        .filter("bad")
        .group_by(*series, "run", maintain_order=True)
        .agg(pl.col("ts").first(), until=pl.coalesce("after", "ts").last(), readings=pl.len().cast(pl.Int64))
        .with_columns(reason=pl.lit("bad_quality"), duration_s=_seconds(pl.col("until") - pl.col("ts")))
        .with_columns(
            gap_id=pl.concat_str("reason", "site", "equipment_id", "signal", pl.col("ts").dt.epoch("us"), separator="/")
        )
    )
    place.write(ops.GAPS, rows.collect())


def _held(place: Place, day: date, which: pl.Expr | None = None) -> pl.LazyFrame:
    """Good samples of a day and the one before, each with the time `until` which it held, midnight at most."""
    step = (pl.col("ts").shift(-1) - pl.col("ts")).over(_SIGNAL)
    interval = pl.col("step").median().over(_SIGNAL).fill_null(pl.duration(seconds=0))
    silent = pl.col("step").is_null() | (pl.col("step") > pl.col("interval") * 3)
    until = pl.col("ts") + pl.when(silent).then("interval").otherwise("step")
    rows = place.scan(silver.READINGS).filter(pl.col("date").is_between(day - _DAY_S, day))
    return (
        (rows if which is None else rows.filter(which))
        .select(*_SIGNAL, "ts", "value", "quality")
        .sort("site", "equipment_id", "signal", "ts")
        .with_columns(step=step)
        .with_columns(interval=interval)
        .with_columns(until=pl.min_horizontal(until, pl.lit(_midnight(day) + _DAY_S)))
        .filter(pl.col("quality") & 0xC000_0000 == 0, pl.col("value").is_not_null())
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _seconds(span: pl.Expr) -> pl.Expr:
    return span.dt.total_microseconds().clip(lower_bound=0) / 1e6
