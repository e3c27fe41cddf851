"""What bridges say, in plain sentences. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.sdk import Window
from core.sdk.words import listing, moment, period, quantity, readable, sentence, span

Row = dict[str, Any]
_TOLD = 24
_NAMED = 8
_AGGREGATES = {"min": "minimum", "max": "maximum", "last": "last value", "time_weighted_mean": "time-weighted mean"}


def tag(rows: Sequence[Row]) -> list[str]:
    """What a device shows."""
    return [f"On site, {_reading(row)}." for row in rows] or ["The device showed nothing."]


def snapshot(rows: Sequence[Row], withheld: Sequence[str], never_read: Sequence[str]) -> list[str]:
    """The newest reading of each signal, then what is not told and why."""
    said = [f"{sentence(_reading(row))}." for row in rows[:_TOLD]] or [
        "No signal that may leave the site was read yet."
    ]
    if len(rows) > _TOLD:
        said.append("More signals are among the rows than are told here.")
    if withheld:
        said.append(f"The contract keeps on site: {_few(withheld)}.")
    return [*said, f"Never read yet: {_few(never_read)}."] if never_read else said


def readings(rows: Sequence[Row], equipment: str, signal: str, days: Window, *, cut: bool) -> list[str]:
    """Where a signal went over a time, from its readings at full resolution."""
    subject = f"{readable(signal)} of {equipment}"
    known = [row for row in rows if row["good"] and row["value"] is not None]
    if not rows:
        return [f"The historian on site has no {subject} {period(days.first, days.last)}."]
    if not known:
        return [f"The historian on site has no good value of {subject} {period(days.first, days.last)}."]
    lowest, highest = (pick(known, key=lambda row: row["value"]) for pick in (min, max))
    first, newest = _at(rows[0]["ts"]), _at(rows[-1]["ts"])
    told = f"the newest {len(rows)} readings" if cut else f"{len(rows)} readings" if len(rows) > 1 else "one reading"
    return [
        f"The historian on site has {told} of {subject} from {span(first, newest)}: "
        f"lowest {_value(lowest)} at {_moment(lowest['ts'])}, highest {_value(highest)} at {_moment(highest['ts'])}, "
        f"last {_value(known[-1])} at {_moment(known[-1]['ts'])}."
    ]


def windows(rows: Sequence[Row], equipment: str, signal: str, aggregate: str, days: Window) -> list[str]:
    """Each window, as many as are read at a glance, else the two ends."""
    subject = f"{_AGGREGATES.get(aggregate, aggregate)} of {readable(signal)} of {equipment}"
    if not rows:
        return [
            f"The historian on site has no window of {readable(signal)} of {equipment} {period(days.first, days.last)}."
        ]
    said = f"By the historian on site, {subject}"
    if len(rows) <= _TOLD:
        each = "; ".join(f"{_value(row)} from {_moment(row['start'])}" for row in rows)
        return [f"{said}, windows of {rows[0]['every']}: {each}."]
    lowest, highest = (pick(rows, key=lambda row: row["value"]) for pick in (min, max))
    ends = f"lowest {_value(lowest)} from {_moment(lowest['start'])}, highest {_value(highest)}"
    return [
        f"{said} in {len(rows)} windows of {rows[0]['every']}: {ends} from {_moment(highest['start'])}, "
        f"last {_value(rows[-1])}."
    ]


def _reading(row: Row) -> str:
    """A reading, its source time, and a word if it is not good."""
    subject = f"{readable(row['signal'])} of {row['equipment']}"
    good = "" if row.get("good", True) else f" (quality {row['quality']}, not good)"
    return f"{subject} is {_value(row)}{good} as of {_moment(row['ts'])}"


def _value(row: Row) -> str:
    return quantity(row["value"], row.get("unit")) if row["value"] is not None else f"“{row.get('text') or 'nothing'}”"


def _few(names: Sequence[str]) -> str:
    return listing(names) if len(names) <= _NAMED else f"{', '.join(names[:_NAMED])} and others"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(text: str) -> str:
    return f"{moment(_at(text))} UTC"
