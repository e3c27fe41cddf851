"""The formulas behind gold's key figures by day and by hour (`lake.tables.gold.KPI_FORMULAS`). Pure.

`MACHINE` identifies a machine; every function returns at most one row a machine and period, `MACHINE_DAY` or
`MACHINE_HOUR`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from lake.tables.gold import BEST_SPEED_DAYS
from quality.counters import GLITCH, RESTARTED, goes_on, with_misread

MACHINE = ["site", "equipment_id", "equipment_type"]
MACHINE_DAY = [*MACHINE, "date"]
MACHINE_HOUR = [*MACHINE_DAY, "hour"]
_DAY = timedelta(days=1)


def observed_time(
    hourly: pl.DataFrame, by: Sequence[str] = MACHINE_DAY, told: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`observed_s` and `running_s`: time a machine was heard, and ran; without a running signal it ran throughout.

    From the first day on which a machine's running signal is heard, it alone tells: a drive that stands for days on end
    says so once, and may be silent while other signals go on.

    Windows are left out: a daily mean says nothing about the hours in which its machine was heard.

    Args:
        hourly: rows of `silver.signal_hourly`.
        by: columns of a machine and period.
        told: rows of the same in which to look for running signals, if not in these.
    """
    running, machine = pl.col("role") == "running", MACHINE[:2]
    since = (hourly if told is None else told).lazy().filter(running).group_by(machine).agg(since=pl.col("date").min())
    raw = hourly.lazy().filter(~pl.col("signal").str.contains(":", literal=True) | pl.col("role").is_not_null())
    by_hour = raw.group_by(MACHINE_HOUR).agg(
        observed_s=pl.col("observed_s").max(), running_s=(pl.col("mean") * pl.col("observed_s")).filter(running).sum()
    )
    tells = (pl.col("since") <= pl.col("date")).fill_null(value=False)
    ran = by_hour.join(since, on=machine, how="left").with_columns(
        running_s=pl.when(tells).then("running_s").otherwise("observed_s")
    )
    return ran.group_by(by).agg(pl.col("observed_s", "running_s").sum()).collect()


def utilisation(hourly: pl.DataFrame, by: Sequence[str] = MACHINE_DAY) -> pl.DataFrame:
    """Percent of the observed time spent running; `value` and `samples`."""
    running = hourly.filter((pl.col("role") == "running") & (pl.col("observed_s") > 0))
    weighted = (pl.col("mean") * pl.col("observed_s")).sum() / pl.col("observed_s").sum()
    return running.group_by(by).agg(value=weighted * 100, samples=pl.col("samples").sum())


def increase(readings: pl.DataFrame, role: str, by: Sequence[str] = MACHINE_DAY) -> pl.DataFrame:
    """What a counter gained in a period, from the last sample before it, of the day before at most; `value`, `samples`.

    A counter that falls near zero has restarted there and has gained what it shows; one that falls less far was set
    back or exchanged, and what it gained in that moment nobody knows: it counts for nothing. Whether it restarted or
    was misread the next three samples tell: what shows in the last ones of a day counts with the first of the next.
    """
    good = readings.filter((pl.col("role") == role) & pl.col("value").is_not_null())
    samples = with_misread(good, MACHINE).with_columns(hour=pl.col("ts").dt.truncate("1h"))
    last, last_day = (pl.when(goes_on(MACHINE)).then(pl.col(name).shift(1)) for name in ("value", "date"))
    rises, restarted = pl.col("value") >= last, pl.col("value") <= last * RESTARTED
    gained = pl.when(rises).then(pl.col("value") - last).when(restarted).then("value").otherwise(0.0)
    recent = ((pl.col("date") - last_day) <= _DAY).fill_null(value=False)
    gains = (
        samples.filter(~pl.col("misread"))
        .with_row_index("place")
        .select(*MACHINE_HOUR, "place", gained=pl.when(recent).then(gained).otherwise(0.0), falls=~rises)
    )
    made = _told_later(gains, samples)
    return (
        samples.group_by(by)
        .agg(samples=pl.len().cast(pl.Int64))
        .join(made.group_by(by).agg(value=pl.col("gained").sum()), on=by, how="left")
        .select(*by, pl.col("value").fill_null(0.0), "samples")
    )


def _told_later(gains: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Gains, those of falls among the last samples of a day in the first hour of the next one."""
    falls = gains.filter("falls")
    if falls.is_empty():
        return gains
    ends = gains.group_by(MACHINE_DAY).agg(end=pl.col("place").max())
    late = falls.join(ends, on=MACHINE_DAY).filter(pl.col("end") - pl.col("place") < GLITCH)
    begins = samples.group_by(MACHINE_DAY).agg(pl.col("hour").min())
    later = late.with_columns(pl.col("date") + _DAY).drop("hour").join(begins, on=MACHINE_DAY)
    return pl.concat([gains.join(late, on="place", how="anti"), later.select(gains.columns)])


def down_time(episodes: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """`down_s`: observed time of each hour under at least one fault; overlapping faults count once.

    Which part of an hour was observed is not known: a fault in it is taken to lie in that part.

    Args:
        episodes: rows of `silver.fault_episodes`, all that were raised by the last of the hours.
        hours: `MACHINE_HOUR` and `observed_s`.
    """
    observed = hours.filter(pl.col("observed_s") > 0).select(*MACHINE_HOUR, "observed_s")
    down_s = pl.min_horizontal(pl.col("fault_s").fill_null(0.0), "observed_s")
    under_fault = _fault_time(episodes, observed)
    return observed.join(under_fault, on=MACHINE_HOUR, how="left").select(*MACHINE_HOUR, "observed_s", down_s=down_s)


def availability(down: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Percent of the observed time under no fault; `value`."""
    share = pl.col("down_s").sum() / pl.col("observed_s").sum()
    return down.group_by(by).agg(value=100 * (1 - share))


def _fault_time(episodes: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    """`fault_s`: time of each hour under at least one fault.

    Faults are cut at the hours first: of a fault that stood for long, no hour is held against all others.
    """
    first, last = (pl.lit(hour, pl.Datetime("us", "UTC")) for hour in (hours["hour"].min(), hours["hour"].max()))
    begins = pl.max_horizontal("raised_at", first).dt.truncate("1h")
    ends = pl.min_horizontal(pl.coalesce("cleared_at", last), last).dt.truncate("1h")
    cut = (
        _standing(episodes)
        .with_columns(begin_hour=begins, end_hour=ends)
        .filter(pl.col("begin_hour") <= pl.col("end_hour"))
        .with_columns(hour=pl.datetime_ranges("begin_hour", "end_hour", "1h"))
        .explode("hour")
    )
    spans = hours.select(MACHINE_HOUR).join(cut, on=["site", "equipment_id", "hour"])
    return _covered(spans)


def _standing(episodes: pl.DataFrame) -> pl.DataFrame:
    return episodes.select("site", "equipment_id", "raised_at", "cleared_at")


def _covered(spans: pl.DataFrame) -> pl.DataFrame:
    """`fault_s`: how much of each hour its spans cover together."""
    end = pl.col("hour") + timedelta(hours=1)
    clipped = (
        spans.with_columns(
            begins=pl.max_horizontal("raised_at", "hour"), ends=pl.min_horizontal(pl.coalesce("cleared_at", end), end)
        )
        .filter(pl.col("begins") < pl.col("ends"))
        .sort(*MACHINE_HOUR, "begins")
    )
    covered = pl.col("ends").cum_max().shift(1).over(MACHINE_HOUR)
    fresh = pl.col("ends") - pl.max_horizontal("begins", covered)
    return (
        clipped.with_columns(seconds=fresh.dt.total_microseconds().clip(lower_bound=0) / 1e6)
        .group_by(MACHINE_HOUR)
        .agg(fault_s=pl.col("seconds").sum())
    )


def failures(episodes: pl.DataFrame, time: pl.DataFrame) -> pl.DataFrame:
    """Failures and repairs on each day on which a machine was heard or had one, and since its first day.

    Args:
        episodes: rows of `silver.fault_episodes`.
        time: see `observed_time`, of machines whose faults would be seen.

    Returns:
        `MACHINE_DAY` with `raised`, `raised_ever`, `running_ever_s`, `cleared_ever` and `repair_ever_s`.
    """
    on = ["site", "equipment_id", "date"]
    raised = episodes.group_by(on).agg(raised=pl.len().cast(pl.Int64))
    cleared = (
        episodes.filter(pl.col("cleared_at").is_not_null())
        .with_columns(date=pl.col("cleared_at").dt.date())
        .group_by(on)
        .agg(cleared=pl.len().cast(pl.Int64), repair_s=pl.col("duration_s").sum())
    )
    # A fault may be raised or cleared on a day on which nothing else was heard: it counts from then on.
    every_day = pl.concat([time.select(on), raised.select(on), cleared.select(on)]).unique()
    counted = every_day.join(time, on=on, how="left").join(raised, on=on, how="left").join(cleared, on=on, how="left")
    kind = pl.col("equipment_type")
    zero = (
        counted.with_columns(pl.col("raised", "cleared", "repair_s", "running_s").fill_null(0))
        .sort(on)
        .with_columns(kind.forward_fill().backward_fill().over("site", "equipment_id"))
        .filter(kind.is_not_null())
    )
    ever = {"raised": "raised_ever", "running_s": "running_ever_s", "cleared": "cleared_ever"}
    sums = [pl.col(name).cum_sum().over("site", "equipment_id").alias(total) for name, total in ever.items()]
    repair = pl.col("repair_s").cum_sum().over("site", "equipment_id").alias("repair_ever_s")
    heard_or_failed = pl.col("observed_s").is_not_null() | (pl.col("raised") > 0)
    return zero.with_columns(*sums, repair).filter(heard_or_failed)


def performance(hourly: pl.DataFrame, by: Sequence[str] = MACHINE_DAY) -> pl.DataFrame:
    """Mean speed while running over the best hourly speed of the last 30 days; `value`.

    A drive that stands may show nothing, and pulls the mean of its hour down, or its set point, and does not: what it
    ran at is the mean over the share of the hour it ran, at most the highest speed of the hour.
    """
    hour = [*MACHINE, "hour"]
    ran = hourly.filter((pl.col("role") == "running") & (pl.col("mean") > 0)).select(*hour, "mean", "observed_s")
    speed = hourly.filter(pl.col("role") == "speed").select(*hour, "date", "unit", shown="mean", highest="max")
    weighted = speed.join(ran, on=hour, how="inner").with_columns(
        speed=pl.min_horizontal(pl.col("shown") / pl.col("mean"), "highest"),
        weight=pl.col("mean") * pl.col("observed_s"),
    )
    # A speed in another unit than today's is no speed to be held against.
    unit = [*MACHINE, "unit"]
    peaks = weighted.group_by(*MACHINE_DAY, "unit").agg(peak=pl.col("speed").max()).sort(MACHINE_DAY)
    best = peaks.rolling("date", period=f"{BEST_SPEED_DAYS}d", group_by=unit).agg(best=pl.col("peak").max())
    ran_at = weighted.group_by(*by, "unit").agg(
        value=(pl.col("speed") * pl.col("weight")).sum() / pl.col("weight").sum()
    )
    return ran_at.join(best, on=[*unit, "date"]).select(*by, value=pl.col("value") / pl.col("best"))
