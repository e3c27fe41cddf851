"""Bare Polars: key figures of machines, by the day and by the hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl

from bench.tables.step import Place
from lake.spec import TableSpec
from lake.tables import gold, silver

_MACHINE = ["site", "equipment_id", "equipment_type"]
_DAY = [*_MACHINE, "date"]
_HOUR = [*_DAY, "hour"]
_TIME = pl.Datetime("us", "UTC")


def kpi_daily(place: Place, days: Sequence[date]) -> None:
    """`gold.kpi_daily`: the history of hours and faults for what accumulates, counters of the days."""
    wanted = pl.col("date").is_between(days[0], days[-1])
    hourly, raised = (_up_to(place, spec, days) for spec in (silver.SIGNAL_HOURLY, silver.FAULT_EPISODES))
    time = _time(hourly, _DAY)
    faults = _since_the_first_day(time, raised).filter(wanted)
    hours = _time(hourly.filter(wanted), _HOUR)
    available = _share(hours, _standing_by_hour(raised, days), _DAY).join(
        faults.select(*_DAY, samples="raised"), on=_DAY
    )
    operated = pl.col("running_ever_s") / 3600
    between = operated / pl.col("raised_ever")
    restore = pl.col("repair_ever_s") / pl.col("cleared_ever") / 3600
    counted = faults.with_columns(value=pl.col("raised").cast(pl.Float64), samples="raised")
    parts = [
        *_of_periods(place, hourly, time, available, days, _DAY),
        _named(counted, "fault_count", "1", _DAY),
        _named(faults.with_columns(value=operated, samples="raised_ever"), "operating_time", "hour", _DAY),
        _named(faults.with_columns(value=between, samples="raised_ever"), "mtbf", "hour", _DAY),
        _named(faults.with_columns(value=restore, samples="cleared_ever"), "mttr", "hour", _DAY),
    ]
    place.write(gold.KPI_DAILY, pl.concat(parts).sort(*_DAY, "kpi").collect())


def kpi_hourly(place: Place, days: Sequence[date]) -> None:
    """`gold.kpi_hourly`: hours of the days, what ran how fast in the month before, faults that reach into them."""
    wanted = pl.col("date").is_between(days[0], days[-1])
    hourly, raised = (_up_to(place, spec, days) for spec in (silver.SIGNAL_HOURLY, silver.FAULT_EPISODES))
    time = _time(hourly.filter(wanted), _HOUR)
    came = (
        raised.filter(wanted)
        .group_by("site", "equipment_id", hour=pl.col("raised_at").dt.truncate("1h"))
        .agg(raised=pl.len().cast(pl.Int64))
    )
    faults = time.join(came, on=["site", "equipment_id", "hour"], how="left").with_columns(
        pl.col("raised").fill_null(0)
    )
    counted = faults.with_columns(value=pl.col("raised").cast(pl.Float64), samples="raised")
    available = _share(time, _standing_by_hour(raised, days), _HOUR).join(
        faults.select(*_HOUR, samples="raised"), on=_HOUR
    )
    parts = [
        *_of_periods(place, hourly, time, available, days, _HOUR),
        _named(counted, "fault_count", "1", _HOUR),
    ]
    rows = pl.concat(parts).join(time.select(*_HOUR, "observed_s"), on=_HOUR, how="left")
    place.write(gold.KPI_HOURLY, rows.with_columns(pl.col("observed_s").fill_null(0.0)).sort(*_HOUR, "kpi").collect())


def _up_to(place: Place, spec: TableSpec, days: Sequence[date]) -> pl.LazyFrame:
    return place.scan(spec).filter(pl.col("date") <= days[-1])


def _of_periods(
    place: Place, hourly: pl.LazyFrame, time: pl.LazyFrame, share: pl.LazyFrame, days: Sequence[date], by: list[str]
) -> list[pl.LazyFrame]:
    """The figures that days and hours have in common."""
    wanted = pl.col("date").is_between(days[0], days[-1])
    counted = place.scan(silver.READINGS).filter(
        pl.col("date").is_between(days[0] - timedelta(days=1), days[-1]),
        pl.col("role").is_in(["count", "good"]),
        pl.col("quality") & 0xC000_0000 == 0,
    )
    made, good = (_gained(counted, role, by).filter(wanted) for role in ("count", "good"))
    held = pl.col("observed_s")
    used = (
        hourly.filter(wanted, pl.col("role") == "running")
        .group_by(by)
        .agg(value=100 * (pl.col("mean") * held).sum() / held.sum(), samples=pl.col("samples").sum())
    )
    produced = made.filter(pl.col("value") > 0)
    ran = time.filter(pl.col("running_s") > 0)
    cycle = produced.join(ran, on=by).with_columns(value=pl.col("running_s") / pl.col("value"))
    oee = (
        share.join(_performance(hourly, days, by), on=by)
        .join(produced.select(*by, "samples", made="value"), on=by, suffix="_made")
        .join(good.select(*by, good="value"), on=by)
        .with_columns(
            value=pl.col("value") * pl.col("performance") * pl.col("good") / pl.col("made"), samples="samples_made"
        )
    )
    return [
        _named(used, "utilisation", "percent", by),
        _named(share, "availability", "percent", by),
        _named(made, "throughput", "1", by),
        _named(cycle, "cycle_time", "s", by),
        _named(oee, "oee", "percent", by),
    ]


def _named(figure: pl.LazyFrame, kpi: str, unit: str, by: list[str]) -> pl.LazyFrame:
    return figure.filter(pl.col("value").is_finite()).select(
        *by, "value", pl.col("samples").cast(pl.Int64), kpi=pl.lit(kpi), unit=pl.lit(unit)
    )


def _time(hourly: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    ran = (pl.col("mean") * pl.col("observed_s")).filter(pl.col("role") == "running").sum()
    by_hour = hourly.group_by(_HOUR).agg(pl.col("observed_s").max(), running_s=ran)
    return by_hour if by == _HOUR else by_hour.group_by(by).agg(pl.col("observed_s", "running_s").sum())


def _since_the_first_day(time: pl.LazyFrame, raised: pl.LazyFrame) -> pl.LazyFrame:
    on = ["site", "equipment_id", "date"]
    came = raised.group_by(on).agg(raised=pl.len().cast(pl.Int64))
    went = (
        raised.filter(pl.col("cleared_at").is_not_null())
        .group_by("site", "equipment_id", date=pl.col("cleared_at").dt.date())
        .agg(cleared=pl.len().cast(pl.Int64), repair_s=pl.col("duration_s").sum())
    )
    ever = {
        "raised": "raised_ever",
        "running_s": "running_ever_s",
        "cleared": "cleared_ever",
        "repair_s": "repair_ever_s",
    }
    return (
        time.join(came, on=on, how="left")
        .join(went, on=on, how="left")
        .with_columns(pl.col("raised", "cleared", "repair_s").fill_null(0))
        .sort(on)
        .with_columns(pl.col(name).cum_sum().over("site", "equipment_id").alias(total) for name, total in ever.items())
    )


def _standing_by_hour(raised: pl.LazyFrame, days: Sequence[date]) -> pl.LazyFrame:
    """Faults once for each hour in which they stood, with `begins` and `ends` within it."""
    first = datetime.combine(days[0], datetime.min.time(), UTC)
    last = datetime.combine(days[-1], datetime.min.time(), UTC) + timedelta(hours=23)
    hour = pl.col("hour")
    each = pl.datetime_ranges(
        pl.col("raised_at").clip(lower_bound=first).dt.truncate("1h"),
        pl.col("cleared_at").fill_null(last).clip(upper_bound=last).dt.truncate("1h"),
        "1h",
    )
    return (
        raised.filter(pl.col("cleared_at").is_null() | (pl.col("cleared_at") >= first))
        .select(*_MACHINE, "raised_at", "cleared_at", hour=each)
        .explode("hour", empty_as_null=False)
        .with_columns(
            begins=pl.max_horizontal("raised_at", hour),
            ends=pl.min_horizontal("cleared_at", hour + pl.duration(hours=1)),
            date=hour.dt.date(),
        )
    )


def _share(hours: pl.LazyFrame, standing: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    """Availability: percent of the time observed under no fault, which is counted by the hour."""
    covered = pl.col("ends").cum_max().shift(1).over(_HOUR)
    fresh = pl.col("ends") - pl.max_horizontal("begins", covered)
    down = (
        standing.filter(pl.col("begins") < pl.col("ends"))
        .sort(*_HOUR, "begins")
        .with_columns(seconds=fresh.dt.total_microseconds().clip(lower_bound=0) / 1e6)
        .group_by(_HOUR)
        .agg(fault_s=pl.col("seconds").sum())
    )
    down_s = pl.min_horizontal(pl.col("fault_s").fill_null(0.0), "observed_s")
    share = down_s.sum() / pl.col("observed_s").sum()
    return hours.join(down, on=_HOUR, how="left").group_by(by).agg(value=100 * (1 - share))


def _gained(counted: pl.LazyFrame, role: str, by: list[str]) -> pl.LazyFrame:
    value, last = pl.col("value"), pl.col("value").shift(1).over(_MACHINE)
    fell = pl.when(value <= last * 0.1).then(value).otherwise(0.0)
    recent = (pl.col("date") - pl.col("date").shift(1).over(_MACHINE)) <= timedelta(days=1)
    gained = pl.when(value >= last).then(value - last).otherwise(fell)
    return (
        counted.filter(pl.col("role") == role, value.is_not_null())
        .sort(*_MACHINE, "ts")
        .with_columns(
            hour=pl.col("ts").dt.truncate("1h"),
            gained=pl.when(recent.fill_null(value=False)).then(gained).otherwise(0.0),
        )
        .group_by(by)
        .agg(value=pl.col("gained").sum(), samples=pl.len())
    )


def _performance(hourly: pl.LazyFrame, days: Sequence[date], by: list[str]) -> pl.LazyFrame:
    near = hourly.filter(pl.col("date") > days[0] - timedelta(days=gold.BEST_SPEED_DAYS))
    ran = near.filter(pl.col("role") == "running", pl.col("mean") > 0).select(*_MACHINE, "hour", "mean", "observed_s")
    shown = near.filter(pl.col("role") == "speed").select(*_HOUR, shown="mean", highest="max")
    weight = pl.col("mean") * pl.col("observed_s")
    speeds = shown.join(ran, on=[*_MACHINE, "hour"]).with_columns(
        speed=pl.min_horizontal(pl.col("shown") / pl.col("mean"), "highest")
    )
    best = (
        speeds.group_by(_DAY)
        .agg(peak=pl.col("speed").max())
        .sort(_DAY)
        .rolling("date", period=f"{gold.BEST_SPEED_DAYS}d", group_by=_MACHINE)
        .agg(best=pl.col("peak").max())
    )
    at = speeds.group_by(by).agg(value=(pl.col("speed") * weight).sum() / weight.sum())
    return at.join(best, on=_DAY).select(*by, performance=pl.col("value") / pl.col("best"))
