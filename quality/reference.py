"""What a signal was like when it was new here: the window that later days are held against. Pure: frames in, frame out.

The window is the first seven days with data, twenty-four good samples at least. Once complete it is frozen in
`ops.signal_reference`, so that a day judged again is judged alike. Until then the first day of twenty-four good samples
stands in for it, for what even a single day tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

REFERENCE_DAYS = 7
LEAST_SAMPLES = 24
REFERENCE_SPAN_DAYS = 30
"""Days before a window in which a reference may still be growing."""
OF_A_DAY = 12
"""Samples from which on a day of a signal says something by itself."""
SIGNAL = ["site", "equipment_id", "signal"]
TENTHS = 10
_SEVERITY = 0xC000_0000
_SHARE = 0.05
"""By how much a share may lie outside of 0 and 1."""


def is_good() -> pl.Expr:
    """True where the status code in `quality` says Good (OPC UA Part 4, section 7.39)."""
    return (pl.col("quality") & _SEVERITY) == 0


def measured(readings: pl.DataFrame) -> pl.DataFrame:
    """Good numbers of signals that measure something: no counters, no counts of samples."""
    counts = pl.col("role").fill_null("").is_in(["count", "good"]) | pl.col("signal").str.contains(
        ":count:", literal=True
    )
    return readings.filter(is_good() & pl.col("value").is_not_null() & ~counts)


def references(readings: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `ops.signal_reference` completed on `days`.

    Args:
        readings: columns of `silver.readings`, of signals without a reference, `REFERENCE_SPAN_DAYS` before the days
            and the days themselves.
        days: the days of the build.
    """
    samples = measured(readings)
    by_day = (
        samples.group_by(*SIGNAL, "date")
        .agg(
            rows=pl.len().cast(pl.Int64),
            distinct=pl.col("value").n_unique() / pl.len(),
            hours=(pl.col("ts").max() - pl.col("ts").min()).dt.total_microseconds() / 3.6e9,
        )
        .sort(*SIGNAL, "date")
        .with_columns(number=pl.int_range(1, pl.len() + 1).over(SIGNAL), samples=pl.col("rows").cum_sum().over(SIGNAL))
    )
    full = by_day.filter(pl.col("number") >= REFERENCE_DAYS, pl.col("samples") >= LEAST_SAMPLES)
    ends = full.group_by(SIGNAL).agg(end=pl.col("date").min()).filter(pl.col("end").is_in(list(days)))
    window = by_day.join(ends, on=SIGNAL).filter(pl.col("date") <= pl.col("end"))
    busy = pl.col("rows") >= OF_A_DAY
    kept = window.group_by(SIGNAL).agg(
        rate=((pl.col("rows") - 1) / pl.col("hours")).filter(busy & (pl.col("hours") > 0)).median(),
        distinct_least=pl.col("distinct").filter(busy).min(),
        rows_least=pl.col("rows").min(),
        samples=pl.col("rows").sum(),
    )
    tenths = [pl.col("value").quantile(k / TENTHS, "nearest").alias(f"d{k}") for k in range(TENTHS + 1)]
    shape = (
        samples.join(ends, on=SIGNAL)
        .filter(pl.col("date") <= pl.col("end"))
        .group_by(SIGNAL)
        .agg(pl.col("equipment_type", "unit").last(), *tenths, date=pl.col("end").first())
    )
    return (
        shape.with_columns(deciles=pl.concat_list([f"d{k}" for k in range(TENTHS + 1)]))
        .drop([f"d{k}" for k in range(TENTHS + 1)])
        .join(kept, on=SIGNAL)
        .sort(SIGNAL)
    )


def first_days(readings: pl.DataFrame) -> pl.DataFrame:
    """What each signal was like on its first day of `LEAST_SAMPLES`; columns of `known`, `complete` is that day.

    Args:
        readings: columns of `silver.readings`, from the beginning of the signals on.
    """
    value = pl.col("value")
    days = (
        measured(readings)
        .group_by(*SIGNAL, "date")
        .agg(
            pl.len().alias("rows"),
            (value.n_unique() / pl.len()).alias("distinct_least"),
            *(value.quantile(k / TENTHS, "nearest").alias(f"r{k}") for k in range(TENTHS + 1)),
        )
        .filter(pl.col("rows") >= LEAST_SAMPLES)
    )
    return days.sort("date").unique(SIGNAL, keep="first", maintain_order=True).drop("rows").rename({"date": "complete"})


def young(rows: pl.DataFrame, first: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """Rows of days after their signal's first day and before its reference told anything, with what that day says.

    Args:
        rows: signals by parts of days, with `date`.
        first: see `first_days`.
        reference: rows of `ops.signal_reference`.
    """
    ripe = rows.join(first, on=SIGNAL).join(reference.select(*SIGNAL, ripe="date"), on=SIGNAL, how="left")
    return ripe.filter(
        pl.col("date") > pl.col("complete"), pl.col("ripe").is_null() | (pl.col("date") <= pl.col("ripe"))
    ).drop("ripe")


def known(rows: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """Rows of days after their signal's reference was complete, with what it says: `r0` to `r10` and its figures."""
    told = reference.select(
        *SIGNAL,
        "rate",
        "distinct_least",
        "rows_least",
        *(pl.col("deciles").list.get(k).alias(f"r{k}") for k in range(TENTHS + 1)),
        complete="date",
    )
    return rows.join(told, on=SIGNAL).filter(pl.col("date") > pl.col("complete"))


def width(low: int = 1, high: int = 9, least: float = 0.01) -> pl.Expr:
    """What lies between two tenths of a reference; of a signal that stood still, a share of where it stood."""
    return pl.max_horizontal(pl.col(f"r{high}") - pl.col(f"r{low}"), pl.col("r5").abs() * least, pl.lit(1e-9))


def is_share() -> pl.Expr:
    """True for a signal between 0 and 1: a switch or a duty, which may rest on either side for weeks."""
    return (pl.col("unit") == "1") & (pl.col("r0") >= -_SHARE) & (pl.col(f"r{TENTHS}") <= 1 + _SHARE)
