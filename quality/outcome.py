"""What a check found, and the rows it becomes in `ops.check_results`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from lake.store import TenantLake
from lake.tables.ops import CHECK_RESULTS
from quality.expected import Severity


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check's result.

    Attributes:
        check: its name.
        passed: whether what was expected holds.
        severity: what a failure does.
        observed: what was found, in words.
        expected: what would have been right, in words.
        remedy: what to do about a failure.
        days: those that broke it; none if it cannot be told by day, and then every day checked stands accused.
        findings: what was found, each for itself and with its day (see `finding`), if it can be told apart.
        accepted: by whom and why all that was found is right; a failure that was accepted warns.
    """

    check: str
    passed: bool
    severity: Severity
    observed: str
    expected: str
    remedy: str = "look at silver.quarantine and ops.check_results, correct the cause, and rebuild the days"
    days: frozenset[date] = frozenset()
    findings: tuple[str, ...] = ()
    accepted: str | None = None

    @property
    def status(self) -> str:
        """`passed`, `warned` or `failed`."""
        return "passed" if self.passed else "failed" if self.blocks else "warned"

    @property
    def blocks(self) -> bool:
        """True if a failure stops what comes after it."""
        return self.severity is Severity.ERROR and self.accepted is None

    @property
    def told(self) -> str:
        """What was found, and who accepted it."""
        return self.observed if self.accepted is None else f"{self.observed}; {self.accepted}"


def finding(day: date, words: str) -> str:
    """One thing that was found, as it is kept and accepted: the day and the words."""
    return f"{day} {words}"


def day_of(found: str) -> date:
    """The day of a `finding`."""
    return date.fromisoformat(found.partition(" ")[0])


def days_in_words(days: Iterable[date]) -> str:
    """`2024-03-04 to 2024-03-06, 2024-03-09`."""
    spans: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in spans)


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and on what checks ran: the days, the run, the time."""

    days: tuple[date, ...]
    run_id: str
    at: datetime


def record(lake: TenantLake, table: str, outcomes: Sequence[Outcome], occasion: Occasion) -> None:
    """Append results to `ops.check_results`; nothing is written for no outcome."""
    rows = [
        {
            "table": table,
            "check": outcome.check,
            "status": outcome.status,
            "severity": outcome.severity.value,
            "observed": outcome.told,
            "expected": outcome.expected,
            "day_first": occasion.days[0],
            "day_last": occasion.days[-1],
            "failed_days": _failed_days(outcome, occasion),
            "run_id": occasion.run_id,
            "at": occasion.at,
            "findings": list(outcome.findings) or None,
            "date": occasion.at.date(),
        }
        for outcome in outcomes
    ]
    if rows:
        lake.append(CHECK_RESULTS, pa.Table.from_pylist(rows, schema=CHECK_RESULTS.schema))


def _failed_days(outcome: Outcome, occasion: Occasion) -> list[date] | None:
    """Days to blame; none are named unless all of them were checked, so that nobody is acquitted by mistake."""
    if outcome.passed or not outcome.days or not outcome.days <= set(occasion.days):
        return None
    return sorted(outcome.days)
