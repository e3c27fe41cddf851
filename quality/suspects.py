"""Readings that are well formed and yet wrong: another unit, a stuck sensor, a clock in local time, a counter's glitch.

Each is a number that would be published as if it were true, so its rows go to quarantine with the reason, and come back
by building the day again once the cause is corrected. Pure: frames in, frame out.
"""

from __future__ import annotations

from itertools import chain

import polars as pl

from core.contracts.units import convert_factor
from quality.reference import OF_A_DAY, SIGNAL, TENTHS, is_good, known, measured, width

ORIGIN = ["lane", "seq", "row_no"]
_UNITS = (
    ("bar", "mbar", "kPa", "MPa", "psi"),
    ("degC", "degF", "K", "degR"),
    ("l/min", "l/s", "m^3/hour", "gallon/minute"),
    ("mm", "cm", "m", "inch"),
    ("mm/s", "m/s", "inch/s"),
    ("mA", "A"),
    ("W", "kW", "horsepower"),
    ("rpm", "Hz"),
)
"""Units that devices are switched between, by quantity."""
_FAR, _NEAR = 0.5, 0.25
"""In widths of the reference: how far a day lies at least, and how near it comes at most once it is converted."""
_LIVELY = 0.25
"""Least share of different values on every day of the reference of a signal that never stands still."""
_MACHINE = ["site", "equipment_id", "date"]
_QUARTER_S = 15 * 60
_STEADY_S = 120
_GLITCH = 3
"""Samples a counter may be away before it is taken to have restarted."""


def suspects(readings: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """Origin and reason of each row that should not be believed, once.

    Args:
        readings: readings with `lane`, `seq`, `row_no` and `received_at`; those beyond their limits among them, since
            what another unit pushes over a limit tells of the rest of its day.
        reference: rows of `ops.signal_reference`.
    """
    found = [_local_time(readings), _glitches(readings)]
    if not reference.is_empty():
        numbers = measured(readings)
        days = known(parts(numbers, "1d"), reference)
        quarters = known(parts(numbers, "6h").filter(pl.col("rows") >= OF_A_DAY // 2), reference)
        found += [_converted(readings, pl.concat([days, quarters])), _stuck(readings, days)]
    return pl.concat(found).unique(ORIGIN, keep="first", maintain_order=True)


def alternatives(units: list[str]) -> pl.DataFrame:
    """Other units a device might have been switched to: `value * scale + offset` of `candidate` is in `unit`."""
    spelled = {unit: next((group for group in _UNITS if unit in group), (unit,)) for unit in units}
    rows = chain.from_iterable(
        [(unit, other, *convert_factor(other, unit)) for other in group if other != unit]
        for unit, group in spelled.items()
    )
    return pl.DataFrame(
        list(rows),
        schema={"unit": pl.String, "candidate": pl.String, "scale": pl.Float64, "offset": pl.Float64},
        orient="row",
    )


def parts(numbers: pl.DataFrame, every: str) -> pl.DataFrame:
    """Signals by a part of a day: samples, lowest and highest, and the tenths `d1`, `d5` and `d9`."""
    value = pl.col("value")
    return numbers.group_by(*SIGNAL, "date", pl.col("ts").dt.truncate(every).alias("part")).agg(
        pl.len().alias("rows"),
        pl.col("unit").last(),
        value.min().alias("low"),
        value.max().alias("high"),
        *(value.quantile(k / TENTHS, "nearest").alias(f"d{k}") for k in (1, 5, 9)),
    )


def _converted(readings: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """A signal that lies far from its reference, and on it once read in another unit; to the end of that day."""
    near = (
        told.with_columns(apart=_apart(pl.lit(1.0), pl.lit(0.0)))
        .filter(pl.col("apart") >= _FAR)
        .join(alternatives(told["unit"].unique().to_list()), on="unit")
        .with_columns(apart_then=_apart(pl.col("scale"), pl.col("offset")))
        .filter(pl.col("apart_then") <= _NEAR, pl.col("apart_then") * 3 <= pl.col("apart"))
        .sort("apart_then")
        .with_columns(since=pl.col("part").min().over(*SIGNAL, "date"))
        .unique([*SIGNAL, "date"], keep="first", maintain_order=True)
        .select("site", "equipment_id", "date", "candidate", "since", base="signal", promised="unit")
    )
    if near.is_empty():
        return _none()
    signal = pl.col("signal")
    derived = signal.str.contains(":", literal=True)
    concerned = pl.concat(
        [readings.with_columns(base=signal), readings.filter(derived).with_columns(base=signal.str.extract("^([^:]+)"))]
    ).filter(~signal.str.contains(":count:", literal=True))
    return _told(
        concerned.join(near, on=["site", "equipment_id", "date", "base"]).filter(
            (pl.col("ts") >= pl.col("since")) | derived
        ),
        pl.format("looks like {} where the contract promises {}", "candidate", "promised"),
    ).unique(ORIGIN, keep="first", maintain_order=True)


def _apart(scale: pl.Expr, offset: pl.Expr) -> pl.Expr:
    steps = [(pl.col(f"d{k}") * scale + offset - pl.col(f"r{k}")).abs() for k in (1, 5, 9)]
    return pl.max_horizontal(steps) / width()


def _stuck(readings: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """A signal that shows one value all day and never did so in its reference; a switch at rest is not stuck."""
    at_rest = (pl.col("unit") == "1") & pl.col("low").is_in([0.0, 1.0])
    still = days.filter(
        pl.col("rows") >= OF_A_DAY, pl.col("low") == pl.col("high"), pl.col("distinct_least") >= _LIVELY, ~at_rest
    ).select(*SIGNAL, "date")
    if still.is_empty():
        return _none()
    return _told(
        readings.filter(is_good(), pl.col("value").is_not_null()).join(still, on=[*SIGNAL, "date"]),
        pl.format("sensor is stuck: {} {} all day", pl.col("value").round(6), "unit"),
    )


def _local_time(readings: pl.DataFrame) -> pl.DataFrame:
    """A machine read live whose samples all lie the same whole quarters of an hour behind the clock that received them.

    A sample that stands for the interval before it is as old as its interval; that is no clock that is wrong.
    """
    live = readings.filter(
        pl.col("lane").str.ends_with("-live"),
        (pl.col("received_at") - pl.col("ts")).is_between(pl.duration(minutes=30), pl.duration(hours=14)),
        ~pl.col("signal").str.contains(":", literal=True),
    ).with_columns(lag=(pl.col("received_at") - pl.col("ts")).dt.total_microseconds() / 1e6)
    steady = (
        live.sort(*SIGNAL, "ts")
        .with_columns(step=(pl.col("ts").diff().over(SIGNAL)).dt.total_microseconds() / 1e6)
        .group_by(_MACHINE)
        .agg(
            pl.len().alias("rows"),
            behind=pl.col("lag").median(),
            spread=pl.col("lag").quantile(0.95) - pl.col("lag").quantile(0.05),
            interval=pl.col("step").median(),
        )
        .with_columns(whole=(pl.col("behind") / _QUARTER_S).round() * _QUARTER_S)
        .filter(
            pl.col("rows") >= OF_A_DAY,
            pl.col("spread") <= _STEADY_S,
            (pl.col("behind") - pl.col("whole")).abs() <= _STEADY_S,
            pl.col("behind") > 2 * pl.col("interval"),
        )
        .select(*_MACHINE, hours=pl.col("whole") / 3600)
    )
    if steady.is_empty():
        return _none()
    return _told(readings.join(steady, on=_MACHINE), pl.format("time is not UTC: every sample is {} h behind", "hours"))


def _glitches(readings: pl.DataFrame) -> pl.DataFrame:
    """Samples of a counter that fall and are back within three: it did not restart, it was misread."""
    counters = readings.filter(pl.col("role").is_in(["count", "good"]), is_good(), pl.col("value").is_not_null())
    value, steps = pl.col("value"), range(1, _GLITCH + 1)
    nearby = counters.sort(*SIGNAL, "ts").with_columns(
        top=value.cum_max().shift(1).over(SIGNAL),
        before=pl.max_horizontal([value.shift(n).over(SIGNAL) for n in steps]),
        after=pl.max_horizontal([value.shift(-n).over(SIGNAL) for n in steps]),
    )
    away = nearby.filter(value < pl.col("top"), pl.col("before") >= pl.col("top"), pl.col("after") >= pl.col("top"))
    return _told(away, pl.lit("a counter that falls and is back: misread"))


def _told(rows: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    return rows.select(*ORIGIN, reason=reason)


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"lane": pl.String, "seq": pl.Int64, "row_no": pl.Int32, "reason": pl.String})
