"""Findings that somebody who knows the machine accepted: they warn where they blocked, and no other finding does.

A counter that was exchanged falls, and is right. An acceptance names a table, a check, a day and the finding to the
letter; it counts when the day is built again, and a finding that differs in a figure blocks as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from core.errors import InputError
from lake.store import TenantLake
from lake.tables.ops import ACCEPTANCES, CHECK_RESULTS
from quality.expected import Severity
from quality.outcome import Outcome, day_of, finding

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Open:
    """What stands failed and can be accepted.

    Attributes:
        table: full name.
        check: its name.
        day: the UTC day.
        findings: what was found on that day, each for itself.
    """

    table: str
    check: str
    day: date
    findings: tuple[str, ...]


def settled(outcomes: Sequence[Outcome], accepted: pl.DataFrame, days: Sequence[date]) -> list[Outcome]:
    """Outcomes of a build: those of which every finding was accepted as warnings, others without what was. Pure.

    Args:
        outcomes: of one table.
        accepted: rows of `ops.acceptances` of that table and these days.
        days: the days built.
    """
    given = {(one["check"], one["finding"]): _in_words(one) for one in accepted.sort("accepted_at").to_dicts()}
    return [_settled(one, given, days) for one in outcomes]


def _settled(outcome: Outcome, given: Mapping[tuple[str, str], str], days: Sequence[date]) -> Outcome:
    # What is said of several days at once belongs to none of them.
    whole = (finding(days[0], outcome.observed),) if len(days) == 1 else ()
    found = outcome.findings or whole
    known = {one: given[outcome.check, one] for one in found if (outcome.check, one) in given}
    if outcome.status != "failed" or not known:
        return outcome
    words = "; ".join(dict.fromkeys(known.values()))
    left = tuple(one for one in found if one not in known)
    return _blamed(outcome, left, words) if left else replace(outcome, accepted=words)


def _blamed(outcome: Outcome, left: tuple[str, ...], words: str) -> Outcome:
    """What blocks still where some of what was found is accepted: the rest, on its days alone."""
    among = len(outcome.findings)
    told = f"{outcome.observed}; of {among} findings {among - len(left)} {words}"
    return replace(outcome, observed=told, days=frozenset(map(day_of, left)), findings=left)


def _in_words(row: Mapping[str, object]) -> str:
    at = row["accepted_at"]
    on = at.date().isoformat() if isinstance(at, datetime) else at
    return f"accepted by {row['accepted_by']} on {on}: {row['reason']}"


def accepted(lake: TenantLake, table: str, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `ops.acceptances` of a table and some days."""
    rows = lake.scan(ACCEPTANCES, first=min(days), last=max(days))
    return rows.filter(pl.col("table") == table, pl.col("date").is_in(list(days))).collect()


def standing(lake: TenantLake, table: str, check: str, day: date) -> Open:
    """What a blocking check found on a day when it ran last.

    Raises:
        InputError: it is no blocking check of that table, did not run on that day, did not fail, or what it found
            cannot be told by days.
    """
    results = lake.scan(CHECK_RESULTS).filter(pl.col("table") == table).collect()
    blocking = results.filter(pl.col("severity") == Severity.ERROR.value)
    return found_on(blocking, table, check, day)


def found_on(blocking: pl.DataFrame, table: str, check: str, day: date) -> Open:
    """The same from the results of a table's blocking checks. Pure."""
    where = f"{table}, {check}, {day}"
    names = sorted(blocking["check"].unique())
    if check not in names:
        raise InputError(
            "no blocking check of this name has run on the table",
            expected=", ".join(names) or "a table that was built",
            received=check,
            where=table,
        )
    ran = blocking.filter(pl.col("check") == check, pl.col("day_first") <= day, pl.col("day_last") >= day).sort("at")
    if ran.is_empty():
        raise InputError("the check has not run on this day", where=where)
    last = ran.row(-1, named=True)
    if last["status"] != "failed":
        told = "what it found is accepted" if last["status"] == "warned" else "it passed"
        raise InputError("there is nothing to accept", received=told, where=where)
    found = list(last["findings"] or [])
    if not found and last["day_first"] != last["day_last"]:
        raise InputError(
            "what was found is told of several days at once",
            received=f"{last['day_first']} to {last['day_last']}: {last['observed']}",
            where=where,
            next_step=f"build the day by itself: `platform lake backfill --from {day} --to {day}`, and accept then",
        )
    own = [one for one in found if one.startswith(f"{day} ")] if found else [finding(day, last["observed"])]
    if not own:
        raise InputError("what was found is of other days", received="; ".join(found[:3]), where=where)
    return Open(table, check, day, tuple(dict.fromkeys(own)))


def checked_reason(reason: str) -> str:
    """A reason without space around it.

    Raises:
        InputError: it says nothing, or too much.
    """
    told = " ".join(reason.split())
    if not 1 <= len(told) <= LONGEST_REASON:
        raise InputError(
            "an acceptance needs a reason", expected=f"1 to {LONGEST_REASON} characters", received=f"{len(told)}"
        )
    return told


def accept(lake: TenantLake, found: Open, *, reason: str, by: str, at: datetime) -> None:
    """Put findings into `ops.acceptances`; they count when the day is built again."""
    rows = [
        {
            "table": found.table,
            "check": found.check,
            "finding": one,
            "reason": reason,
            "accepted_by": by,
            "accepted_at": at,
            "date": found.day,
        }
        for one in found.findings
    ]
    lake.append(ACCEPTANCES, pa.Table.from_pylist(rows, schema=ACCEPTANCES.schema))
