"""What checks found that no expectation on a column can tell, in sentences, and outcomes made of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from quality.expected import Severity
from quality.outcome import Outcome, finding

_NAMED = 3


class Finding(NamedTuple):
    """A sentence about what is wrong, and its day; None if it is about no day in particular.

    `exact` says the same so that nothing else is meant, site and microseconds too: what can be accepted.
    """

    words: str
    day: date | None
    exact: str | None = None


Findings = Mapping[str, Sequence[Finding]]
"""What is wrong by name of check; rows of different machines are looked at apart and told as one."""


def outcomes(
    checks: Sequence[tuple[str, Severity, str]], remedies: Mapping[str, str], found: Findings
) -> list[Outcome]:
    """Outcomes of some checks in their order; what was found on days that are known blames these."""
    return [
        Outcome(
            name,
            not found.get(name),
            severity,
            listed(found.get(name, ())),
            right,
            remedies[name],
            _days(found, name),
            _exact(found.get(name, ())),
        )
        for name, severity, right in checks
    ]


def _days(found: Findings, name: str) -> frozenset[date]:
    days = {one.day for one in found.get(name, ())}
    return frozenset() if None in days else frozenset(day for day in days if day is not None)


def _exact(found: Sequence[Finding]) -> tuple[str, ...]:
    """Each finding for itself; none unless all of them can be told."""
    told = tuple(finding(one.day, one.exact) for one in found if one.day is not None and one.exact is not None)
    return told if len(told) == len(found) else ()


def told(found: pl.DataFrame) -> list[Finding]:
    """What is wrong from columns `words` and `date`, and `exact` if there is one."""
    names = [name for name in ("words", "date", "exact") if name in found.columns]
    return [Finding(*row) for row in found.select(names).iter_rows()]


def listed(found: Sequence[Finding]) -> str:
    """The first few, and how many more there are."""
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(one.words for one in found[:_NAMED]) + more if found else "nothing of the kind"
