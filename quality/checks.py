"""Every check of a table, in one place: what its columns promise, and what only the rows of a whole build tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lake.spec import TableSpec
from quality.balance import EQUATIONS, REJECTED_SHARE
from quality.conduct import CONDUCT
from quality.counters import COUNTING, COUNTING_BY_HOUR
from quality.drift import DRIFT
from quality.expected import Severity, expectations


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it is declared.

    Attributes:
        name: unique within its table.
        severity: what a failure does.
        expected: what would be right, in words.
    """

    name: str
    severity: Severity
    expected: str


_OF_A_BUILD: Mapping[str, tuple[tuple[str, Severity, str], ...]] = {
    "bronze.readings": (("is_fresh", Severity.WARN, "received within a day"),),
    "silver.readings": (*CONDUCT, *DRIFT),
    "silver.quarantine": (("few_rows_are_rejected", Severity.WARN, f"at most {REJECTED_SHARE:.0%} of the rows"),),
    "gold.kpi_daily": COUNTING,
    "gold.kpi_hourly": COUNTING_BY_HOUR,
    "ops.books": (
        *((name, Severity.ERROR, equation) for name, equation in EQUATIONS.items()),
        ("everything_sent_has_arrived", Severity.WARN, "in_flight = 0"),
    ),
    "ops.gaps": (("everything_was_read", Severity.WARN, "no source time that nobody read"),),
}
"""Checks that are not expectations on columns, by table: name, severity, what would be right."""


def checks_of(spec: TableSpec) -> tuple[Check, ...]:
    """Expectations on columns first."""
    expected = tuple(Check(one.name, one.severity, one.in_words()) for one in expectations(spec))
    return (*expected, *(Check(*one) for one in _OF_A_BUILD.get(spec.full_name, ())))
