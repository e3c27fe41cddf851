"""What a check found, and the rows it becomes in `ops.check_results`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

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
    """

    check: str
    passed: bool
    severity: Severity
    observed: str
    expected: str
    remedy: str = "look at silver.quarantine and ops.check_results, correct the cause, and rebuild the days"

    @property
    def status(self) -> str:
        """`passed`, `warned` or `failed`."""
        return "passed" if self.passed else "failed" if self.severity is Severity.ERROR else "warned"


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
            "observed": outcome.observed,
            "expected": outcome.expected,
            "day_first": occasion.days[0],
            "day_last": occasion.days[-1],
            "run_id": occasion.run_id,
            "at": occasion.at,
            "date": occasion.at.date(),
        }
        for outcome in outcomes
    ]
    if rows:
        lake.append(CHECK_RESULTS, pa.Table.from_pylist(rows, schema=CHECK_RESULTS.schema))
