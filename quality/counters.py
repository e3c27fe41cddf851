"""Counters: what they show when they are misread, set back, exchanged or restarted. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta

import polars as pl

from quality.expected import Severity
from quality.findings import Findings, outcomes, told
from quality.outcome import Outcome
from quality.reference import SIGNAL
from quality.sentences import sentence

COUNTS = pl.col("role").is_in(["count", "good"])
"""What counts."""
RESTARTED = 0.1
"""A counter that falls below this share of what it showed has restarted at zero."""
GLITCH = 3
"""Samples a counter may be away before it is taken to have restarted."""
_BACK = 0.1
"""Share of a rise that may be left once it was taken back."""
STEEP = 20
"""Times what a counter gains in its busy hours: more than that in one hour it never made."""
_BUSY = 0.95
_KNOWN_HOURS = 24
"""Hours with a gain from which on it is known what a counter gains."""
_PAST, _PAST_DAYS = "30d", timedelta(days=31)
_DAY = timedelta(days=1)

COUNTING: tuple[tuple[str, Severity, str], ...] = (
    ("counters_only_rise", Severity.ERROR, "over midnight too a counter rises, or restarts near zero"),
    ("counters_do_not_restart", Severity.WARN, "no counter restarted over midnight"),
    ("counters_rise_as_ever", Severity.ERROR, f"no counter gains more than {STEEP} times what its busy hours gain"),
)
"""Checks on `gold.kpi_daily`, which sees the day before: name, severity, what would be right."""
COUNTING_BY_HOUR = tuple((name, Severity.WARN, right) for name, _, right in COUNTING)
"""The same on `gold.kpi_hourly`: what was accepted of a day need not be accepted of its hours."""
_REMEDY = {
    "counters_only_rise": (
        "look at the counter on site: was it set or exchanged overnight? What it gained in that moment nobody knows, "
        "and it counts for nothing; if the rest is right, let the day through with `platform lake accept`"
    ),
    "counters_do_not_restart": "nothing to do if the machine was restarted: the count goes on from zero",
    "counters_rise_as_ever": (
        "look at the counter on site: was it set, exchanged for one that shows more, or misread? If the machine made "
        "as much, let the day through with `platform lake accept`"
    ),
}


def misread(samples: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Samples of a counter that leave its course and are back within three: it never showed them.

    Below: what follows reaches again what it showed before. Above: what follows goes on from what it showed before.

    Args:
        samples: `ts` and good values.
        by: what tells the counters.
    """
    return with_misread(samples, by).filter("misread").drop("misread")


def with_misread(samples: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The same samples in order of time, with `misread`."""
    ordered = _in_order(samples, by).with_row_index("place")
    # What leaves its course and comes back falls once: counters that never do are not looked at.
    falling = ordered.filter(goes_on(by) & (pl.col("value") < pl.col("value").shift(1))).select(by).unique()
    away = _away(ordered.join(falling, on=list(by), how="semi", maintain_order="left"), by)
    return ordered.with_columns(misread=pl.col("place").is_in(away.implode())).drop("place")


def _in_order(samples: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Rows counter by counter in order of time; numbers are sorted several times as fast as words."""
    counters = samples.select(by).unique().sort(by).with_row_index("counter")
    return samples.join(counters, on=list(by)).sort("counter", "ts", maintain_order=True).drop("counter")


def goes_on(by: Sequence[str]) -> pl.Expr:
    """Of rows that lie counter by counter: true but for the first of each."""
    return pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in by).fill_null(value=False)


def _away(ordered: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """The places of those that were misread."""
    value, steps = pl.col("value"), range(1, GLITCH + 1)
    earlier, later = ([value.shift(sign * n).over(by) for n in steps] for sign in (1, -1))
    nearby = ordered.with_columns(
        before=pl.max_horizontal(earlier), after=pl.max_horizontal(later), back=pl.min_horizontal(later)
    )
    from_where = pl.max_horizontal([pl.when(one <= pl.col("back")).then(one) for one in earlier])
    below = (value < pl.col("before")) & (pl.col("after") >= pl.col("before"))
    # A counter that starts from zero again and again, once a batch, is no counter that is misread.
    above = (from_where > 0) & (pl.col("back") - from_where <= (value - from_where) * _BACK) & (value > pl.col("back"))
    return nearby.filter(below | above)["place"]


def falls(counters: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Where a counter shows less than before: `words`, `exact`, `date`, `before`, and whether it `restarted`.

    Args:
        counters: columns of `silver.readings`, good values.
        by: what tells the counters, and what of them is looked at by itself.
    """
    return _falls(_in_order(counters, by), by)


def _falls(ordered: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    last, before = (pl.when(goes_on(by)).then(pl.col(name).shift(1)) for name in ("value", "date"))
    when = pl.col("ts").dt.strftime("%Y-%m-%d %H:%M")
    words = sentence("{} {} fell from {} to {} at {}", "equipment_id", "signal", "last", "value", when)
    return (
        ordered.with_columns(last=last, before=before)
        .filter(pl.col("value") < pl.col("last"))
        .select(
            "date",
            "before",
            words=words,
            exact=sentence("{}: {} {} fell from {} to {} at {}", *SIGNAL, "last", "value", pl.col("ts").dt.to_string()),
            restarted=pl.col("value") <= pl.col("last") * RESTARTED,
        )
    )


def counting(counters: pl.DataFrame, hourly: pl.DataFrame, days: Collection[date]) -> Findings:
    """What is wrong with what counters gained on some days, by check.

    Args:
        counters: good samples of `silver.readings` with role count or good, of the days and the day before each.
        hourly: `silver.signal_hourly`, of the month before the days at least.
        days: UTC days.
    """
    known = with_misread(counters.filter(pl.col("value").is_not_null()), SIGNAL).filter(~pl.col("misread"))
    fell = _falls(known, SIGNAL).filter(pl.col("date") - pl.col("before") == _DAY, pl.col("date").is_in(list(days)))
    return {
        "counters_only_rise": told(fell.filter(~pl.col("restarted"))),
        "counters_do_not_restart": told(fell.filter("restarted")),
        "counters_rise_as_ever": told(_steep(hourly, days)),
    }


def counting_outcomes(found: Findings, checks: Sequence[tuple[str, Severity, str]] = COUNTING) -> list[Outcome]:
    """Outcomes in the order of the checks, `COUNTING` or `COUNTING_BY_HOUR`."""
    return outcomes(checks, _REMEDY, found)


def _steep(hourly: pl.DataFrame, days: Collection[date]) -> pl.DataFrame:
    """Hours in which a counter gained what it never does: it was set, exchanged for one that shows more, or misread."""
    highest, at = pl.col("max"), pl.col("hour")
    hours = (at - at.shift(1)).dt.total_seconds() / 3600
    since = min(days, default=date.max) - _PAST_DAYS
    gained = (
        hourly.filter(COUNTS, pl.col("date") >= since)
        .sort(*SIGNAL, "hour")
        .with_columns(
            gain=(highest - highest.shift(1)).over(SIGNAL), an_hour=((highest - highest.shift(1)) / hours).over(SIGNAL)
        )
        .filter(pl.col("gain") > 0)
    )
    if gained.is_empty():
        return gained.select("date", words=pl.lit(""), exact=pl.lit(""))
    busy = gained.with_columns(
        busy=pl.col("an_hour")
        .rolling_quantile_by("hour", _PAST, quantile=_BUSY, closed="left", min_samples=_KNOWN_HOURS)
        .over(SIGNAL)
    )
    return busy.filter(pl.col("date").is_in(list(days)), pl.col("an_hour") > pl.col("busy") * STEEP).select(
        "date",
        words=sentence(
            "{} {} rose by {} in the hour of {}, and by {} in its busy ones",
            "equipment_id",
            "signal",
            pl.col("gain").round(3),
            at.dt.strftime("%Y-%m-%d %H:%M"),
            pl.col("busy").round(3),
        ),
        exact=sentence("{}: {} {} rose by {} in the hour of {}", *SIGNAL, "gain", at.dt.to_string()),
    )
