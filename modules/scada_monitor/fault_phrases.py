"""Faults in plain sentences, the answer first. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk.words import counted, moment, number, period, span, times

Row = dict[str, Any]
_LISTED = 12
_FEW = 3
"""So many in a list are seen at a glance: nobody needs to be told the first and the last."""


def episodes(
    codes: Sequence[Row],
    by_machine: Sequence[Row],
    single: Sequence[Row],
    first: date | None,
    last: date | None,
) -> list[str]:
    """For each fault code: on what and how often, then each episode or each machine, then what the fault says.

    Args:
        codes: a row a fault code.
        by_machine: a row a machine and code, if there are too many episodes to list.
        single: the episodes, newest first.
        first: first day asked about.
        last: last day asked about.
    """
    said: list[str] = []
    for code in codes:
        own = [row for row in single if row["fault_code"] == code["fault_code"]]
        machines = [row for row in by_machine if row["fault_code"] == code["fault_code"]]
        if code["machines"] > 1 and machines:
            said += _by_machine(code, machines, first, last)
        else:
            said += _one_by_one(code, own, first, last)
        if code["message"]:
            said.append(f"{code['fault_code']} says: {code['message'].rstrip('.')}.")
    return said


def _one_by_one(code: Row, own: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    """Of one machine newest first, of several oldest first: who has stood longest comes first."""
    when = period(first, last)
    if code["episodes"] == 1 and own:
        return [f"{own[0]['equipment_id']} had one {_named(code)} {when}: {_lasted(own[0])}."]
    if code["machines"] > 1:
        lines = [f"{row['equipment_id']} {_lasted(row, told=_all_open(code))}." for row in reversed(own)]
        return [f"{_head(code, when)}, oldest first:", *lines]
    where = own[0]["equipment_id"] if own else counted(code["machines"], "machine")
    head = f"{where} had {_named(code)} {times(code['episodes'])} {when}{_total(code)}"
    lines = [f"{_lasted(row)}." for row in own[:_LISTED]]
    older = ["Older ones are not listed."] if code["episodes"] > len(lines) else []
    return [f"{head}. Newest first:", *lines, *older] if lines else [f"{head}."]


def _by_machine(code: Row, machines: Sequence[Row], first: date | None, last: date | None) -> list[str]:
    rest = ["More machines had it than are listed here."] if code["machines"] > len(machines) else []
    lines = [_machine(row, told=_all_open(code)) for row in machines]
    return [f"{_head(code, period(first, last))}, oldest first:", *lines, *rest]


def _head(code: Row, when: str) -> str:
    often = "" if code["episodes"] == code["machines"] else f", {times(code['episodes'])} in all,"
    still = "all still open" if _all_open(code) else f"{code['open_machines'] or 'none'} still open"
    return f"{counted(code['machines'], 'machine')} had {_named(code)}{often} {when}, {still}"


def _all_open(code: Row) -> bool:
    return code["open_episodes"] == code["episodes"]


def _named(code: Row) -> str:
    return f"{code['fault_code']} ({code['level']})"


def _lasted(row: Row, *, told: bool = False) -> str:
    """`told`: that it is open was said already."""
    if row["cleared_at"] is None:
        return f"since {moment(row['raised_at'])} UTC" + ("" if told else ", still open")
    return f"{span(row['raised_at'], row['cleared_at'])}, {number(row['duration_h'])} h"


def _total(code: Row) -> str:
    """From when to when, how long in all, which was the longest, and whether one stands."""
    ends = f", first {moment(code['first_raised_at'])} and last {moment(code['last_raised_at'])} UTC"
    said = ends if code["episodes"] > _FEW else ""
    if code["hours"] is not None:
        longest = f"the longest {number(code['longest_h'])} h from {moment(code['longest_raised_at'])} UTC"
        said += f"; {number(code['hours'])} h in all, {longest}"
    return said + (f"; {code['open_episodes']} still open" if code["open_episodes"] else "; none still open")


def _machine(row: Row, *, told: bool) -> str:
    said = f"{row['equipment_id']} since {moment(row['first_raised_at'])} UTC"
    if row["episodes"] > 1:
        said += f", {times(row['episodes'])}, the last from {moment(row['last_raised_at'])} UTC"
    return said + (", still open." if row["open_episodes"] and not told else ".")


def none(
    subject: str,
    code: str | None,
    state: str | None,
    first: date | None,
    last: date | None,
    watched: Sequence[Row],
    ever: Sequence[Row],
) -> str:
    """Nothing in the window: because nobody watched, or because nothing was raised; and when there was something."""
    what = f"{state + ' ' if state else ''}{code or 'fault'}"
    days = watched[0] if watched else None
    if days is None or not watched_then(first, last, watched):
        said = f"There is no data of {subject} {period(first, last)}."
        return said + (f" Its data runs from {days['first_day']} to {days['last_day']}." if days else "")
    if not ever:
        return f"No {what} on {subject} in all recorded data, {days['first_day']} to {days['last_day']}."
    row = ever[0]
    said = f"No {what} on {subject} {period(first, last)}."
    if row["episodes"] == 1:
        return f"{said} The only one recorded was raised {moment(row['last_raised_at'])} UTC."
    return (
        f"{said} {row['episodes']} are recorded, the first raised {moment(row['first_raised_at'])} UTC, "
        f"the last {moment(row['last_raised_at'])} UTC."
    )


def watched_then(first: date | None, last: date | None, watched: Sequence[Row]) -> bool:
    """There is data in the window, so that no fault means that there was none."""
    if not watched:
        return False
    return not (first and first > watched[0]["last_day"]) and not (last and last < watched[0]["first_day"])


def events(rows: Sequence[Row], subject: str, first: date | None, last: date | None) -> list[str]:
    """Records one by one, the first few."""
    if not rows:
        return [f"No fault events of {subject} {period(first, last)}."]
    lines = [f"{moment(row['ts'])} UTC {row['equipment_id']} {row['fault_code']} {row['state']}." for row in rows[:20]]
    return [f"Fault events of {subject} {period(first, last)}, oldest first:", *lines]


def subject(equipment: str | None, equipment_type: str | None) -> str:
    """What was asked about, in words."""
    if equipment:
        return equipment
    return f"any {equipment_type.replace('_', ' ')}" if equipment_type else "any machine"
