"""Incidents in plain sentences, the answer first, newest first. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk.words import counted, listing, moment, number, period, quantity, readable, rough, sentence, span, times
from modules.fleet_reliability.phrases import SCALE, distance, remaining

Row = dict[str, Any]
_LISTED = 10
_ALIKE = 3


def of_machine(
    equipment: str,
    first: date | None,
    last: date | None,
    counts: Sequence[Row],
    episodes: Sequence[Row],
    deviations: Sequence[Row],
    worst: Sequence[Row],
    lives: Sequence[Row],
) -> list[str]:
    """Faults, deviations, the strangest day of one machine, and its remaining life with what drives it."""
    said = _faults(equipment, first, last, counts, episodes)
    if deviations:
        strongest = "; ".join(_deviation(row) for row in deviations[:3])
        said.append(f"Furthest from its own baseline: {strongest}.")
    if worst:
        score = rough(worst[0]["anomaly_score"])
        said.append(
            f"Its anomaly score was {score} {SCALE}."
            if first == last and first is not None
            else f"Its strangest day was {worst[0]['date']}, with an anomaly score of {score} {SCALE}."
        )
    return [*said, *(remaining(row, lone=True) for row in lives)]


def _faults(
    equipment: str, first: date | None, last: date | None, counts: Sequence[Row], episodes: Sequence[Row]
) -> list[str]:
    when = period(first, last)
    if not episodes:
        return [f"No fault was raised on {equipment} {when}."]
    if len(counts) == 1 and counts[0]["episodes"] == 1:
        row = episodes[0]
        return [f"{equipment} had one fault {when}: {row['fault_code']} ({row['level']}), {_lasted(row)}.", *_says(row)]
    named = [f"{row['fault_code']} ({row['level']}) {times(row['episodes'])}" for row in counts]
    several = len(counts) > 1
    lines = [f"{row['fault_code'] + ' ' if several else ''}{_lasted(row)}." for row in episodes[:_LISTED]]
    messages = [f"{code} says: {text}." for code, text in _messages(episodes).items()]
    return [f"{equipment} had {listing(named)} {when}, newest first:", *lines, *messages]


def _messages(episodes: Sequence[Row]) -> dict[str, str]:
    """What each code said last; the episodes come newest first."""
    said: dict[str, str] = {}
    for row in episodes:
        if row["message"]:
            said.setdefault(row["fault_code"], row["message"].rstrip("."))
    return said


def _lasted(row: Row) -> str:
    if row["cleared_at"] is None:
        return f"since {moment(row['raised_at'])} UTC, still open"
    return f"{span(row['raised_at'], row['cleared_at'])}, {number(row['duration_h'])} h"


def _says(row: Row) -> list[str]:
    return [f"{row['fault_code']} says: {row['message'].rstrip('.')}."] if row["message"] else []


def _deviation(row: Row) -> str:
    unit = row["unit"]
    return (
        f"{readable(row['signal'])} {quantity(row['mean'], unit)} on {row['date']}, "
        f"{distance(row['deviation'])} its baseline of {_rounded(row['baseline'], unit)}"
    )


def _rounded(value: float, unit: str | None) -> str:
    """A baseline near zero needs no four digits; any other is compared with a value that has four."""
    return quantity(value, unit) if abs(value) >= 1 else quantity(float(rough(value)), unit)


def of_site(
    kind: str,
    first: date | None,
    last: date | None,
    counts: Sequence[Row],
    episodes: Sequence[Row],
    worst: Sequence[Row],
) -> list[str]:
    """What was raised anywhere, what went on standing, and which machines were the strangest."""
    when = period(first, last)
    raised = [row for row in counts if row["raised_within"]]
    said: list[str] = []
    if raised:
        named = [f"{row['fault_code']} ({row['level']}) {times(row['raised_within'])}" for row in raised]
        shown = [row for row in episodes if first is None or row["raised_at"].date() >= first][:_LISTED]
        more = ", the newest:" if sum(row["raised_within"] for row in raised) > len(shown) else ", newest first:"
        said.append(f"Raised {when}: {listing(named)}{more}")
        several = len(raised) > 1
        said += [f"{row['equipment_id']} {row['fault_code'] + ' ' if several else ''}{_lasted(row)}." for row in shown]
        said += [f"{code} says: {text}." for code, text in _messages(shown).items()]
    else:
        said.append(f"No fault was raised on {kind} {when}.")
    older = [row for row in counts if row["episodes"] > row["raised_within"]]
    if older:
        named = [f"{row['fault_code']} ({row['standing_before']})" for row in older]
        said.append(f"Raised earlier and still standing then: {listing(named)}.")
    if worst:
        named = [f"{row['equipment_id']} ({rough(row['anomaly_score'])} on {row['date']})" for row in worst]
        said.append(f"Highest anomaly scores {SCALE}: {listing(named)}.")
    return said


def watched_then(first: date | None, last: date | None, known: Sequence[Row]) -> bool:
    """There is data in the window."""
    if not known:
        return False
    return not (first and first > known[0]["last_day"]) and not (last and last < known[0]["first_day"])


def nothing_known(subject: str, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """No row in the period: nothing to tell, or no data at all, and which days have some."""
    if watched_then(first, last, known):
        return f"No fault was raised on {subject} {period(first, last)}, and no health is known for these days."
    said = f"There is no data of {subject} {period(first, last)}."
    return said + (f" Its data runs from {known[0]['first_day']} to {known[0]['last_day']}." if known else "")


def similar(
    equipment: str | None,
    codes: Sequence[str],
    reference: Sequence[Row],
    counts: Sequence[Row],
    same: Sequence[Row],
    alike: Sequence[Row],
    when: str,
) -> list[str]:
    """The same fault before and after the incident, on this machine and on others; then what is alike in description.

    Args:
        equipment: machine meant, if one is.
        codes: fault codes of the incident.
        reference: episodes of the incident itself.
        counts: how often the codes were raised before and after it, here and elsewhere.
        same: those episodes, newest first.
        alike: what the fault memory holds nearest in meaning, nearest first.
        when: the period asked about, in words.
    """
    said: list[str] = []
    if reference:
        said += _before_and_after(equipment, codes, reference, counts, same)
    elif same:
        total = sum(row["episodes"] for row in counts)
        lines = [f"{row['equipment_id']} {_lasted(row)}." for row in same[:_LISTED]]
        said += [f"Yes, {listing(codes)} was raised {times(total)} in all recorded data, newest first:", *lines]
    elif equipment is not None:
        what = f"no {listing(codes)} fault" if codes else "no fault"
        said.append(f"{sentence(what)} is recorded on {equipment} {when}.")
    elif codes:
        said.append(f"No, {listing(codes)} was never raised.")
    if alike:
        said += ["Alike in description, nearest first:", *(_like(row) for row in alike[:_ALIKE])]
    elif not said:
        said.append("Nothing alike is recorded.")
    return said


def _before_and_after(
    equipment: str | None, codes: Sequence[str], reference: Sequence[Row], counts: Sequence[Row], same: Sequence[Row]
) -> list[str]:
    start = min(row["raised_at"] for row in reference)
    end = max(row["raised_at"] for row in reference)
    what, here = listing(codes), equipment or "any machine"
    counted_by = {(row["same_machine"], row["side"]): row for row in counts}
    own_side = equipment is not None
    before = [row for row in same if row["raised_at"] < start]
    after = [row for row in same if row["raised_at"] > end]
    own = [row for row in before if row["equipment_id"] == equipment or not own_side]
    others = [row for row in before if row["equipment_id"] != equipment and own_side]
    said: list[str] = []
    if own:
        count = counted_by[own_side, "before"]["episodes"]
        said.append(f"Yes, {what} was raised {times(count)} on {here} before {moment(start)} UTC, newest first:")
        said += [("" if own_side else f"{row['equipment_id']} ") + f"{_lasted(row)}." for row in own[:_LISTED]]
    elif others:
        said.append(f"Not on {here}: {what} was never raised on it before {moment(start)} UTC.")
    else:
        said.append(f"No, {what} was never raised before {moment(start)} UTC.")
    if others:
        row = counted_by[False, "before"]
        where = counted(row["machines"], "other machine")
        shown = listing([f"{other['equipment_id']} ({other['raised_at']:%Y-%m-%d})" for other in others[:_LISTED]])
        more = "the newest" if row["episodes"] > min(len(others), _LISTED) else "newest first"
        said.append(f"Elsewhere before: {times(row['episodes'])} on {where}, {more}: {shown}.")
    later = [row for row in after if row["equipment_id"] == equipment or not own_side]
    if later:
        count = counted_by[own_side, "after"]["episodes"]
        shown = listing(
            [("" if own_side else f"{row['equipment_id']} ") + moment(row["raised_at"]) for row in later[:_LISTED]]
        )
        said.append(f"After it: {times(count)} more on {here}, newest first, raised {shown} UTC.")
    return said


def _like(row: Row) -> str:
    if "raised_at" in row:
        return f"{row['equipment_id']} {row['fault_code']} {_lasted(row)}."
    off = f", {readable(row['top_signal'])} {distance(row['top_deviation'])} its baseline" if row["top_signal"] else ""
    return f"{row['equipment_id']} on {row['date']}: anomaly score {rough(row['anomaly_score'])}{off}."
