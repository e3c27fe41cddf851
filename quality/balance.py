"""The checks Great Expectations does not know: do the books balance, and is the data fresh. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from quality.expected import Severity
from quality.outcome import Outcome

FRESH_WITHIN = timedelta(days=1)
REJECTED_SHARE = 0.01

EQUATIONS: Mapping[str, str] = {
    "read_is_accounted_for": "read = withheld + contracted",
    "contracted_is_accounted_for": "contracted = forwarded + suppressed + aggregated",
    "no_row_from_nowhere": "bronze + quarantined <= sent",
    "nothing_is_lost": "lost = 0",
    "bronze_is_accounted_for": "bronze = silver + superseded + rejected",
}
"""Check name of each equation of the books; each holds on every line: site, equipment, signal, hour."""


def imbalances(rows: pl.DataFrame) -> dict[str, int]:
    """Lines of `ops.books` that break each equation; `in_flight` only breaks it when it is negative."""
    col = pl.col
    broken = {
        "read = withheld + contracted": col("read") != col("withheld") + col("contracted"),
        "contracted = forwarded + suppressed + aggregated": col("contracted")
        != col("forwarded") + col("suppressed") + col("aggregated"),
        "bronze + quarantined <= sent": col("in_flight") < 0,
        "lost = 0": col("lost") > 0,
        "bronze = silver + superseded + rejected": col("bronze") != col("silver") + col("superseded") + col("rejected"),
    }
    return {name: rows.filter(test).height for name, test in broken.items()}


def books_balance(lines: int, broken: Mapping[str, int], in_flight: int) -> list[Outcome]:
    """Outcomes of the books.

    Args:
        lines: lines that were reconciled.
        broken: lines that break each equation.
        in_flight: rows on their way.
    """
    equations = [
        Outcome(check, broken[equation] == 0, Severity.ERROR, f"{broken[equation]} of {lines} lines break it", equation)
        for check, equation in EQUATIONS.items()
    ]
    arrived = Outcome(
        "everything_sent_has_arrived",
        in_flight == 0,
        Severity.WARN,
        f"{in_flight} rows on their way",
        "in_flight = 0",
    )
    return [*equations, arrived]


def unread_time(gaps: int, seconds: float) -> Outcome:
    """Whether there is source time that nobody read."""
    return Outcome(
        "everything_was_read",
        gaps == 0,
        Severity.WARN,
        f"{gaps} gaps, {seconds:.0f} s in all" if gaps else "no gap",
        "no source time that nobody read",
    )


def freshness(newest: datetime | None, now: datetime) -> Outcome:
    """Whether anything was received lately; the receive clock counts, since recordings have old source times."""
    age = None if newest is None else now - newest
    return Outcome(
        "is_fresh",
        age is not None and age <= FRESH_WITHIN,
        Severity.WARN,
        "nothing was ever received" if age is None else f"newest row received {age.total_seconds():.0f} s ago",
        f"received within {FRESH_WITHIN.total_seconds():.0f} s",
    )


def rejected_share(rejected: int, rows: int) -> Outcome:
    """Whether silver rejects few enough rows to be trusted."""
    share = rejected / rows if rows else 0.0
    return Outcome(
        "few_rows_are_rejected",
        share <= REJECTED_SHARE,
        Severity.WARN,
        f"{rejected} of {rows} rows rejected",
        f"at most {REJECTED_SHARE:.0%} of the rows",
    )
