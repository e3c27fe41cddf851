"""Readings that are well formed and yet wrong: another unit, a stuck sensor, a clock in local time, a counter's glitch.

Each is a number that would be published as if it were true, so its rows go to quarantine with the reason, and come back
by building the day again once the cause is corrected. Pure: frames in, frame out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import polars as pl

from core.contracts.units import convert_factor
from quality.counters import COUNTS, misread
from quality.reference import OF_A_DAY, SIGNAL, TENTHS, is_good, known, measured, width, young
from quality.sentences import sentence

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


@dataclass(frozen=True, slots=True)
class _Bounds:
    """In widths: how far another unit lies at least, how near it comes at most once converted, and the least width."""

    far: float
    near: float
    least: float


_RIPE = _Bounds(0.5, 0.25, 0.01)
_YOUNG = _Bounds(2.0, 0.5, 0.2)
"""Beside a single day only what no usual change of load does: far off by any scale, and about there in another unit."""
_LIVELY = 0.25
"""Least share of different values on every day of the reference of a signal that never stands still."""
_MOVES = 0.5
"""Least share of a machine's other lively signals that move on a day on which one of them is called stuck so early."""
_RUNS = 0.5
"""Value of the signal with role running from which on a machine runs."""
_MACHINE = ["site", "equipment_id", "date"]
_QUARTER_S = 15 * 60
_STEADY_S = 120


def suspects(readings: pl.DataFrame, reference: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """Origin and reason of each row that should not be believed, once.

    Args:
        readings: readings with `lane`, `seq`, `row_no` and `received_at`; those beyond their limits among them, since
            what another unit pushes over a limit tells of the rest of its day.
        reference: rows of `ops.signal_reference`.
        first: see `quality.reference.first_days`; of signals whose reference is not complete before the readings.
    """
    found = [_local_time(readings), _glitches(readings)]
    if not (reference.is_empty() and first.is_empty()):
        numbers = measured(readings)
        days, quarters = parts(numbers, "1d"), parts(numbers, "6h").filter(pl.col("rows") >= OF_A_DAY // 2)
        ripe, early = known(days, reference), young(days, first, reference)
        of_ripe, of_early = known(quarters, reference), young(quarters, first, reference)
        found += [
            _converted(readings, pl.concat([ripe, of_ripe]), _RIPE),
            _stuck(readings, ripe),
            _converted(readings, pl.concat([early, of_early]), _YOUNG),
            _stuck(readings, _alone_at_rest(early, readings)),
        ]
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


def _converted(readings: pl.DataFrame, told: pl.DataFrame, bounds: _Bounds) -> pl.DataFrame:
    """A signal that lies far from its reference, and on it once read in another unit; to the end of that day."""
    near = (
        told.with_columns(apart=_apart(pl.lit(1.0), pl.lit(0.0), bounds.least))
        .filter(pl.col("apart") >= bounds.far)
        .join(alternatives(told["unit"].unique().to_list()), on="unit")
        .with_columns(apart_then=_apart(pl.col("scale"), pl.col("offset"), bounds.least))
        .filter(pl.col("apart_then") <= bounds.near, pl.col("apart_then") * 3 <= pl.col("apart"))
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
        sentence("looks like {} where the contract promises {}", "candidate", "promised"),
    ).unique(ORIGIN, keep="first", maintain_order=True)


def _apart(scale: pl.Expr, offset: pl.Expr, least: float) -> pl.Expr:
    steps = [(pl.col(f"d{k}") * scale + offset - pl.col(f"r{k}")).abs() for k in (1, 5, 9)]
    return pl.max_horizontal(steps) / width(least=least)


def _alone_at_rest(days: pl.DataFrame, readings: pl.DataFrame) -> pl.DataFrame:
    """Days of signals that stand still, not at zero, while their machine runs and most others of its signals move."""
    running = readings.filter(pl.col("role") == "running", is_good())
    stood = running.group_by(_MACHINE).agg(at_most=pl.col("value").max()).filter(pl.col("at_most") < _RUNS)
    lively = days.filter(pl.col("rows") >= OF_A_DAY, pl.col("distinct_least") >= _LIVELY)
    moving = pl.col("low") < pl.col("high")
    beside = (moving.sum().over(_MACHINE) - moving.cast(pl.Int64)) / (pl.len().over(_MACHINE) - 1)
    return (
        lively.with_columns(beside=beside.fill_nan(0.0))
        .filter(~moving, pl.col("low") != 0, pl.col("beside") >= _MOVES)
        .join(stood, on=_MACHINE, how="anti")
    )


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
        sentence("sensor is stuck: {} {} all day", pl.col("value").round(6), "unit"),
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
    return _told(readings.join(steady, on=_MACHINE), sentence("time is not UTC: every sample is {} h behind", "hours"))


def _glitches(readings: pl.DataFrame) -> pl.DataFrame:
    """Samples of a counter that it never showed: it did not restart, it was misread."""
    counters = readings.filter(COUNTS, is_good(), pl.col("value").is_not_null())
    return _told(misread(counters, SIGNAL), pl.lit("a counter that leaves its course and is back: misread"))


def _told(rows: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    return rows.select(*ORIGIN, reason=reason)


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={"lane": pl.String, "seq": pl.Int64, "row_no": pl.Int32, "reason": pl.String})
