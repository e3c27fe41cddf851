"""Readings and the catalogue in plain sentences, the answer first. Pure; every number comes from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from core.sdk.words import (
    clock,
    counted,
    lasting,
    listing,
    moment,
    number,
    period,
    quantity,
    readable,
    rough,
    sentence,
    with_unit,
)

Row = dict[str, Any]
_LISTED = 12
_TREND_DAYS = 3
"""Shorter windows have a course, not a trend."""
_CLEAR_TREND = 0.1
"""Share of the variation that a line must explain before its slope is worth a word."""


def kind(equipment_type: str) -> str:
    """An equipment type as people say it."""
    return equipment_type.replace("_", " ")


def catalogue(
    types: Sequence[Row], equipment: Sequence[Row], signals: Sequence[Row], faults: Sequence[Row]
) -> list[str]:
    """What there is, a sentence a type."""
    if not types:
        return ["No equipment has data yet."]
    said: list[str] = []
    for row in types:
        name = row["equipment_type"]
        ids = [machine["equipment_id"] for machine in equipment if machine["equipment_type"] == name]
        shown = listing(ids) if len(ids) <= _LISTED else f"{row['first_machine']} to {row['last_machine']}"
        days = period(row["first_day"], row["last_day"])
        said.append(f"{counted(row['machines'], kind(name))} with data {days}: {shown}.")
    for row in types:
        name = row["equipment_type"]
        said.append(f"Signals of the {kind(name)}: {listing(_signals(name, signals))}.")
        codes = [fault["fault_code"] for fault in faults if fault["equipment_type"] == name]
        if codes:
            said.append(f"Faults raised so far: {listing(codes)}.")
    return said


def _signals(equipment_type: str, signals: Sequence[Row]) -> list[str]:
    """One entry a signal, its windows behind it: `panel pressure (daily mean, daily minimum) in bar`."""
    said: dict[tuple[str, str], list[str]] = {}
    for row in signals:
        if row["equipment_type"] == equipment_type and ":count:" not in row["signal"]:
            base, _, window = row["signal"].partition(":")
            windows = said.setdefault((readable(base), row["unit"]), [])
            if window:
                windows.append(readable(row["signal"]).removeprefix(readable(base)).strip(" ()"))
    return [with_unit(name + (f" ({', '.join(w)})" if w else ""), _in(unit)) for (name, unit), w in said.items()]


def _in(unit: str | None) -> str | None:
    return unit if unit in (None, "", "1") else f"in {unit}"


def history(row: Row, first: date | None, last: date | None) -> list[str]:
    """Mean and extremes of one signal over the window, then where it stands and where it goes."""
    unit, signal = row["unit"], row["signal"]
    subject = f"{sentence(readable(signal))} of {row['equipment_id']} {period(first, last)}"
    if row["lowest"] == row["highest"]:
        return [f"{subject}: {quantity(row['highest'], unit)}."]
    mean = f"mean {quantity(row['mean'], unit)}, " if row["mean"] is not None else ""
    said = [
        f"{subject}: {mean}lowest {quantity(row['lowest'], unit)} {_at(signal, row['lowest_at'])}, "
        f"highest {quantity(row['highest'], unit)} {_at(signal, row['highest_at'])}."
    ]
    if row["latest"] is not None and (last is None or first == last):
        said.append(f"Latest: {quantity(row['latest'], unit)} {_held(signal, row['latest_at'])}.")
    return [*said, *_trend(row)]


def baseline(rows: Sequence[Row]) -> list[str]:
    """What is normal for the machine."""
    return [_baseline(row) for row in rows]


def _baseline(row: Row) -> str:
    spread = with_unit(rough(row["spread"]), row["unit"])
    return f"Its own baseline is {quantity(row['baseline'], row['unit'])}, with a spread of {spread}."


def _trend(row: Row) -> list[str]:
    slope, fit = row["trend_per_day"], row["trend_fit"]
    if slope is None or fit is None or (row["latest_at"] - row["first_hour"]).days < _TREND_DAYS:
        return []
    if fit < _CLEAR_TREND or slope == 0:
        return ["No clear trend."]
    way = "Rising" if slope > 0 else "Falling"
    return [f"{way} by {with_unit(rough(abs(slope)), row['unit'])} a day on average."]


def _at(signal: str, hour: datetime, *, day: bool = True) -> str:
    """When, as exactly as the signal is known: by the hour, by its window, or the day of a daily window."""
    _, _, window = signal.partition(":")
    if window.endswith(":P1D"):
        return f"on {hour:%Y-%m-%d}" if day else ""
    return f"in the {lasting(signal)} from {moment(hour) if day else clock(hour)} UTC"


def _held(signal: str, hour: datetime) -> str:
    """When a value was last seen: that of a window is held for the hours after its beginning."""
    return _at(signal if signal.endswith(":P1D") else signal.partition(":")[0], hour)


def beyond(signal: str, equipment: str, limit: str, rows: Sequence[Row], first: date | None, last: date | None) -> str:
    """How long a signal was beyond a limit."""
    subject = f"{sentence(readable(signal))} of {equipment}"
    if not rows:
        return f"{subject} was never {limit} {period(first, last)}."
    row = rows[0]
    hours, days = counted(row["hours_beyond"], "hour"), counted(row["days_beyond"], "day")
    return (
        f"{subject} was {limit} in {hours} on {days} {period(first, last)}, "
        f"first {_at(signal, row['first_beyond'])}, last {_held(signal, row['last_beyond'])}."
    )


def limit(above: float | None, below: float | None, unit: str | None) -> str:
    """`above 80 degC`, `below 6 bar`."""
    sides = (("above", above), ("below", below))
    return listing([f"{side} {with_unit(number(value), unit)}" for side, value in sides if value is not None])


def extremes(rows: Sequence[Row], direction: str) -> list[str]:
    """The most extreme day in a sentence of its own, then the next ones."""
    one_machine = len({row["equipment_id"] for row in rows}) == 1
    top, *rest = rows
    signal = top["signal"]
    said = [
        f"{sentence(readable(signal))} of {top['equipment_id']} was {direction} on {top['date']}: "
        f"{quantity(top['value'], top['unit'])}{_hour_of(signal, top)}."
    ]
    if rest:
        listed = [
            f"{'' if one_machine else row['equipment_id'] + ' '}{row['date']} "
            f"{quantity(row['value'], row['unit'])}{_hour_of(signal, row)}"
            for row in rest
        ]
        said.append(f"Next: {'; '.join(listed)}.")
    return said


def _hour_of(signal: str, row: Row) -> str:
    at = _at(signal, row["at_hour"], day=False)
    return f" {at}" if at else ""


def no_data(equipment: str, signal: str, first: date | None, last: date | None, known: Sequence[Row]) -> str:
    """Nothing in the window, and which days have data."""
    if not known:
        return f"There is no signal {readable(signal)} of {equipment}."
    said = f"There is no {readable(signal)} of {equipment} {period(first, last)}."
    return said + f" Its data runs from {known[0]['first_day']} to {known[0]['last_day']}."


def no_signal(signal: str, first: date | None, last: date | None) -> str:
    """No machine in scope has the signal."""
    return f"No equipment in question has data of {readable(signal)} {period(first, last)}."


def checks(rows: Sequence[Row]) -> list[str]:
    """How many passed, then each that did not."""
    if not rows:
        return ["No check of the data has run yet."]
    top = rows[0]
    when = f"the last at {moment(top['last_checked_at'])} UTC"
    if top["passed"] == top["checks"]:
        return [f"All {counted(top['checks'], 'check')} of the data passed, {when}."]
    bad = [row for row in rows if row["status"] != "passed"]
    return [
        f"{top['passed']} of {counted(top['checks'], 'check')} of the data passed, {when}; these did not:",
        *map(_check, bad),
    ]


def _check(row: Row) -> str:
    rule = row["rule"].replace("_", " ")
    return f"{row['checked']}, {rule}: {row['status']}, {row['observed']} (right would be: {row['expected']})."
