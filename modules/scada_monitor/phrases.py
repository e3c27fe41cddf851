"""The monitor's rows in plain sentences. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk.words import listing, moment, number, period, quantity, readable, sentence

Row = dict[str, Any]
_LISTED = 12


def kind(equipment_type: str) -> str:
    """An equipment type as people say it."""
    return equipment_type.replace("_", " ")


def catalogue(equipment: Sequence[Row], signals: Sequence[Row], faults: Sequence[Row]) -> list[str]:
    """What there is, a sentence a type."""
    if not equipment:
        return ["No equipment has data yet."]
    said: list[str] = []
    for name in sorted({row["equipment_type"] for row in equipment}):
        own = [row for row in equipment if row["equipment_type"] == name]
        ids = [row["equipment_id"] for row in own]
        shown = listing(ids) if len(ids) <= _LISTED else f"{ids[0]} to {ids[-1]}"
        days = period(min(row["first_day"] for row in own), max(row["last_day"] for row in own))
        said.append(f"Equipment of type {kind(name)} with data {days}: {shown}.")
        named = [_with_unit(row) for row in signals if row["equipment_type"] == name]
        said.append(f"Signals of {kind(name)}: {listing(named)}.")
        codes = [row["fault_code"] for row in faults if row["equipment_type"] == name]
        if codes:
            said.append(f"Faults raised on {kind(name)}: {listing(codes)}.")
    return said


def _with_unit(row: Row) -> str:
    unit = row["unit"]
    return readable(row["signal"]) + (f" in {unit}" if unit not in (None, "", "1") else "")


def history(row: Row, first: date | None, last: date | None) -> list[str]:
    """Mean and extremes of one signal over the window."""
    unit = row["unit"]
    subject = f"{sentence(readable(row['signal']))} of {row['equipment_id']} {period(first, last)}"
    mean = f"mean {quantity(row['mean'], unit)}, " if row["mean"] is not None else ""
    return [
        f"{subject}: {mean}lowest {quantity(row['lowest'], unit)} in the hour from {moment(row['lowest_at'])} UTC, "
        f"highest {quantity(row['highest'], unit)} in the hour from {moment(row['highest_at'])} UTC."
    ]


def extremes(rows: Sequence[Row], direction: str) -> list[str]:
    """The most extreme days, one clause each."""
    one_machine = len({row["equipment_id"] for row in rows}) == 1
    head = f"{sentence(readable(rows[0]['signal']))} was {direction}"
    head += f" on {rows[0]['equipment_id']} on these days: " if one_machine else " on these machines and days: "
    return [
        head
        + "; ".join(
            ("" if one_machine else f"{row['equipment_id']}, ")
            + f"{row['date']} with {quantity(row['value'], row['unit'])} in the hour from {moment(row['at_hour'])} UTC"
            for row in rows
        )
        + "."
    ]


def episodes(
    grouped: Sequence[Row], single: Sequence[Row], subject: str, first: date | None, last: date | None
) -> list[str]:
    """Few episodes one by one; many as one clause a machine."""
    if len(single) <= _LISTED:
        lines = [_episode(row) for row in single]
        return [f"Faults of {subject} {period(first, last)}:", *lines]
    said = [f"Faults of {subject} {period(first, last)}, by machine:"]
    for row in grouped[: 2 * _LISTED]:
        still = ", still open" if row["open_episodes"] else ""
        since = f"since {moment(row['first_raised_at'])} UTC"
        again = (
            "" if row["episodes"] == 1 else f", {row['episodes']} episodes, the last {moment(row['last_raised_at'])}"
        )
        said.append(f"{row['equipment_id']}: {row['fault_code']} ({row['level']}) {since}{again}{still}.")
    rest = [row["equipment_id"] for row in grouped[2 * _LISTED :]]
    if rest:
        said.append(f"The same or other faults also on {listing(rest)}.")
    return said


def _episode(row: Row) -> str:
    start = f"{row['equipment_id']}: {row['fault_code']} ({row['level']}) raised {moment(row['raised_at'])} UTC"
    if row["cleared_at"] is None:
        return f"{start}, still open{_said(row)}."
    return f"{start}, cleared {moment(row['cleared_at'])} UTC after {number(row['duration_h'])} h{_said(row)}."


def _said(row: Row) -> str:
    return f": {row['message']}" if row["message"] else ""


def events(rows: Sequence[Row], subject: str, first: date | None, last: date | None) -> list[str]:
    """Records one by one, the first few."""
    if not rows:
        return [f"No fault events of {subject} {period(first, last)}."]
    lines = [f"{moment(row['ts'])} UTC {row['equipment_id']} {row['fault_code']} {row['state']}." for row in rows[:20]]
    return [f"Fault events of {subject} {period(first, last)}:", *lines]


def no_episodes(subject: str, code: str | None, first: date | None, last: date | None, ever: Sequence[Row]) -> str:
    """Nothing in the window, and what there is outside it."""
    what = f"No {code} fault" if code else "No fault"
    said = f"{what} was raised on {subject} {period(first, last)}."
    if ever and ever[0]["episodes"]:
        said += (
            f" Recorded ones begin {moment(ever[0]['first_raised_at'])} UTC"
            f" and the last was raised {moment(ever[0]['last_raised_at'])} UTC."
        )
    return said


def no_data(equipment: str, signal: str, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """Nothing in the window, and which days have data."""
    if not known:
        return f"There is no signal {signal} of {equipment}."
    said = f"There is no {readable(signal)} of {equipment} {period(first, last)}."
    return said + f" Its data runs from {known[0]['first_day']} to {known[0]['last_day']}."


def no_signal(signal: str) -> str:
    """No machine in scope has the signal."""
    return f"No equipment in question has data of {readable(signal)} in that period."
