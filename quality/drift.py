"""Drift of each signal against its reference window: what is sent, how much, and how it is distributed. Pure."""

from __future__ import annotations

import polars as pl

from quality.expected import Severity
from quality.findings import Finding, Findings, outcomes, told
from quality.outcome import Outcome
from quality.reference import OF_A_DAY, SIGNAL, TENTHS, is_share, known, measured, width
from quality.sentences import sentence

VOLUME_FACTOR = 2.5
"""A signal that sends this many times as often as it did, or as seldom, has drifted."""
KS_LIMIT = 0.5
SHIFT_LIMIT = 1.5
"""Kolmogorov-Smirnov distance, and how far the median lies outside of everything the reference saw, in widths of that:
both at once are drift.

A machine at rest, under load or one that wears moves within its old range or slowly out of it; that is its condition,
which `gold.deviation_daily` tells, and no fault of the data.
"""
_LEAST_HOURS = 6.0
_DAY = ["site", "equipment_id", "date"]

DRIFT: tuple[tuple[str, Severity, str], ...] = (
    ("schema_is_kept", Severity.WARN, "every signal of the reference window is still sent"),
    ("volume_is_kept", Severity.WARN, f"samples an hour within a factor {VOLUME_FACTOR:g} of the reference window"),
    (
        "distribution_is_kept",
        Severity.WARN,
        f"KS distance below {KS_LIMIT:g}, or a median within {SHIFT_LIMIT:g} widths of the reference window's range",
    ),
)
"""Checks of this file on `silver.readings`: name, severity, what would be right."""
_REMEDY = {
    "schema_is_kept": "ask the site whether the signal was renamed or removed; name it anew in site file and contract",
    "volume_is_kept": "compare the polling of the bridge and the deadband of the contract with what they were",
    "distribution_is_kept": "look at sensor, range and unit on site; what the machine does is in gold.deviation_daily",
}


def drift(kept: pl.DataFrame, heard: pl.DataFrame, reference: pl.DataFrame, quiet: pl.DataFrame) -> Findings:
    """What has drifted, by check.

    Args:
        kept: rows that silver keeps.
        heard: every sample of bronze once: what was sent, believed or not.
        reference: rows of `ops.signal_reference`.
        quiet: `site`, `equipment_id` and `signal` of signals whose silence a deadband or a sampling explains.
    """
    if reference.is_empty():
        return {}
    numbers = measured(kept)
    by_day = [*SIGNAL, "date"]
    days = numbers.group_by(by_day).agg(pl.len().alias("rows"), pl.col("unit").last(), pl.col("value").median())
    sent = heard.group_by(by_day).agg(pl.len().alias("rows"), first=pl.col("ts").min(), last=pl.col("ts").max())
    return {
        "schema_is_kept": _vanished(sent, reference, quiet),
        "volume_is_kept": _volume(sent, reference, quiet),
        "distribution_is_kept": _distribution(known(days, reference), numbers),
    }


def drift_outcomes(found: Findings) -> list[Outcome]:
    """Outcomes in the order of `DRIFT`."""
    return outcomes(DRIFT, _REMEDY, found)


def _spans(sent: pl.DataFrame) -> pl.DataFrame:
    """Hours of a day over which a machine was heard."""
    hours = (pl.col("last").max() - pl.col("first").min()).dt.total_microseconds() / 3.6e9
    return sent.group_by(_DAY).agg(hours=hours).filter(pl.col("hours") >= _LEAST_HOURS)


def _vanished(sent: pl.DataFrame, reference: pl.DataFrame, quiet: pl.DataFrame) -> list[Finding]:
    lively = reference.filter(
        pl.col("rows_least") >= OF_A_DAY // 2, ~pl.col("signal").str.contains(":", literal=True)
    ).join(quiet, on=SIGNAL, how="anti")
    expected = (
        _spans(sent)
        .join(lively.select(*SIGNAL, complete="date"), on=["site", "equipment_id"])
        .filter(pl.col("date") > pl.col("complete"))
    )
    gone = expected.join(sent, on=[*SIGNAL, "date"], how="anti").sort(*SIGNAL, "date")
    words = sentence("{} no longer sends {} on {}", "equipment_id", "signal", "date")
    return told(gone.select("date", words=words))


def _volume(sent: pl.DataFrame, reference: pl.DataFrame, quiet: pl.DataFrame) -> list[Finding]:
    rates = (
        known(sent, reference)
        .join(quiet, on=SIGNAL, how="anti")
        .join(_spans(sent), on=_DAY)
        .with_columns(times=(pl.col("rows") - 1) / pl.col("hours") / pl.col("rate"))
        .filter(~pl.col("times").is_between(1 / VOLUME_FACTOR, VOLUME_FACTOR))
        .sort(*SIGNAL, "date")
    )
    words = sentence(
        "{} {} came {} times as often as in its reference window on {}",
        "equipment_id", "signal", pl.col("times").round(2), "date",
    )  # fmt: skip
    return told(rates.select("date", words=words))


def _distribution(days: pl.DataFrame, numbers: pl.DataFrame) -> list[Finding]:
    """Kolmogorov-Smirnov at the reference's tenths; a tenth inside a step of the day's distribution is met exactly."""
    value, lowest, highest = pl.col("value"), pl.col("r0"), pl.col(f"r{TENTHS}")
    outside = pl.max_horizontal(lowest - value, value - highest)
    shifted = days.filter(pl.col("rows") >= OF_A_DAY, outside >= SHIFT_LIMIT * width(0, TENTHS), ~is_share())
    if shifted.is_empty():
        return []
    sample = pl.col("sample")
    tenths = range(1, TENTHS)
    below = [(sample < pl.col(f"r{k}")).mean() - k / TENTHS for k in tenths]
    upto = [k / TENTHS - (sample <= pl.col(f"r{k}")).mean() for k in tenths]
    moved = (
        numbers.select(*SIGNAL, "date", sample="value")
        .join(shifted, on=[*SIGNAL, "date"])
        .group_by(*SIGNAL, "date")
        .agg(pl.col("value", "unit", "r5").first(), ks=pl.max_horizontal(*below, *upto))
        .filter(pl.col("ks") >= KS_LIMIT)
        .sort(*SIGNAL, "date")
    )
    words = sentence(
        "{} {} lies around {} {} on {}, around {} in its reference window (KS distance {})",
        "equipment_id", "signal", pl.col("value").round(3), "unit", "date", pl.col("r5").round(3),
        pl.col("ks").round(2),
    )  # fmt: skip
    return told(moved.select("date", words=words))
