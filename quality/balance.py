"""The checks Great Expectations does not know: do the books balance, and is the data fresh. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import polars as pl

from quality.expected import Severity
from quality.outcome import Outcome

FRESH_WITHIN = timedelta(days=1)
REJECTED_SHARE = 0.01

EQUATIONS: Mapping[str, str] = {
    "read_is_accounted_for": "read = withheld + contracted",
    "contracted_is_accounted_for": "contracted = forwarded + suppressed + aggregated",
    "no_row_from_nowhere": "bronze - doubled + quarantined <= sent",
    "nothing_is_lost": "lost = 0",
    "nothing_is_doubled": "doubled = 0",
    "bronze_is_accounted_for": "bronze = silver + superseded + rejected",
}
"""Check name of each equation of the books; each holds on every line: site, equipment, signal, hour."""


def imbalances(rows: pl.DataFrame) -> dict[str, int]:
    """Lines of `ops.books` that break each equation; `in_flight` only breaks it when it is negative."""
    return {name: rows.filter(test).height for name, test in _broken().items()}


def _broken() -> dict[str, pl.Expr]:
    col = pl.col
    return {
        "read = withheld + contracted": col("read") != col("withheld") + col("contracted"),
        "contracted = forwarded + suppressed + aggregated": col("contracted")
        != col("forwarded") + col("suppressed") + col("aggregated"),
        "bronze - doubled + quarantined <= sent": col("in_flight") < 0,
        "lost = 0": col("lost") > 0,
        "doubled = 0": col("doubled") > 0,
        "bronze = silver + superseded + rejected": col("bronze") != col("silver") + col("superseded") + col("rejected"),
    }


def books_balance(lines: pl.DataFrame) -> list[Outcome]:
    """Outcomes of the books.

    Args:
        lines: rows of `ops.books` that were reconciled.
    """
    wrong = {equation: lines.filter(test) for equation, test in _broken().items()}
    equations = [
        Outcome(
            check,
            wrong[equation].is_empty(),
            Severity.ERROR,
            f"{wrong[equation].height} of {lines.height} lines break it",
            equation,
            days=_days(wrong[equation]),
        )
        for check, equation in EQUATIONS.items()
    ]
    flying = lines.filter(pl.col("in_flight") > 0)
    arrived = Outcome(
        "everything_sent_has_arrived",
        flying.is_empty(),
        Severity.WARN,
        f"{int(flying['in_flight'].sum())} rows on their way",
        "in_flight = 0",
        days=_days(flying),
    )
    return [*equations, arrived]


def _days(lines: pl.DataFrame) -> frozenset[date]:
    return frozenset(lines["date"].unique())


def unread_time(gaps: pl.DataFrame) -> Outcome:
    """Whether there is source time that nobody read.

    Args:
        gaps: rows of `ops.gaps` that say so.
    """
    return Outcome(
        "everything_was_read",
        gaps.is_empty(),
        Severity.WARN,
        f"{gaps.height} gaps, {gaps['duration_s'].sum():.0f} s in all" if gaps.height else "no gap",
        "no source time that nobody read",
        days=_days(gaps),
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
