"""How results are said in plain sentences: numbers, moments, periods, lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

_UNITS = {"percent": "%", "hour": "h"}
_WINDOWS = {"mean": "mean", "min": "minimum", "max": "maximum", "last": "last value", "count": "count", "sum": "sum"}
_EVERY = {"P1D": "daily", "P7D": "weekly", "PT1H": "hourly", "PT1M": "minutely"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SHORT_FORM = re.compile(r"[bcdfghj-np-tv-z]{2,4}")
"""No vowel: `hpc`, `lpt`."""
_IDENTIFIER = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?::[a-z]+:P[0-9A-Z]+)?\b|\b[a-z]+:[a-z]+:P[0-9A-Z]+\b")


def number(value: float) -> str:
    """Four significant digits, no exponent, no separators: 0.0123, 76.31, 4805."""
    return _significant(value, 4)


def rough(value: float) -> str:
    """Three significant digits: 896, 47.3, -0.016; for what nobody reads to the last digit."""
    return _significant(value, 3)


def whole(value: float) -> str:
    """To the next whole number; below one to a tenth, so that a little is not said to be nothing."""
    return f"{value:.0f}" if value == 0 or abs(value) >= 1 else f"{value:.1f}"


def quantity(value: float, unit: str | None) -> str:
    """A number with its unit; `1` is no unit."""
    return with_unit(number(value), unit)


def with_unit(said: str, unit: str | None) -> str:
    """A number that is said already, with its unit: `97.5 %`, `12 h`."""
    return said if unit in (None, "", "1") else f"{said} {_UNITS.get(unit, unit)}"


def moment(value: datetime) -> str:
    """UTC to the minute: `2020-04-18 13:00`."""
    return _utc(value).strftime("%Y-%m-%d %H:%M")


def clock(value: datetime) -> str:
    """UTC time of day: `13:00`."""
    return _utc(value).strftime("%H:%M")


def span(start: datetime, end: datetime) -> str:
    """`2020-03-12 10:00 to 12:00 UTC`; the day of the end is said if it is another."""
    same = _utc(start).date() == _utc(end).date()
    return f"{moment(start)} to {clock(end) if same else moment(end)} UTC"


def period(first: date | None, last: date | None) -> str:
    """`on …`, `from … to …`, or nothing if both ends are open."""
    if first and last:
        return f"on {first}" if first == last else f"from {first} to {last}"
    if first:
        return f"since {first}"
    return f"until {last}" if last else "in all recorded data"


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """A text that begins a sentence: the first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(count: float, noun: str) -> str:
    """`1 episode`, `2 episodes`."""
    return f"{count:.0f} {noun}" if count == 1 else f"{count:.0f} {noun}s"


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def readable(name: str) -> str:
    """`motor_current` as `motor current`; a window says what it is: `oil pressure (six-hour maximum)`."""
    base, _, window = name.partition(":")
    words = " ".join(word.upper() if _SHORT_FORM.fullmatch(word) else word for word in base.split("_"))
    if not window:
        return words
    aggregate, _, every = window.partition(":")
    return f"{words} ({_every(every)} {_WINDOWS.get(aggregate, aggregate)})"


def lasting(name: str) -> str:
    """How long one value of a signal speaks for: `six hours` of a six-hour window, else `hour`."""
    match = re.search(r":PT(\d+)H$", name)
    count = int(match[1]) if match else 1
    return "hour" if count == 1 else f"{_NUMBERS[count] if count < len(_NUMBERS) else count} hours"


def plain(text: str) -> str:
    """A text whose identifiers (`hpc_outlet_pressure`, `flow:mean:P1D`) are said as `readable` says them."""
    return _IDENTIFIER.sub(lambda match: readable(match[0]), text)


def _significant(value: float, digits: int) -> str:
    if abs(value) >= 10 ** (digits - 1) or value == int(value):
        return f"{value:.0f}"
    if abs(value) < 0.001:
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return f"{value:.{digits}g}"


def _every(duration: str) -> str:
    """An ISO 8601 duration as an adjective: `daily`, `six-hour`."""
    if duration in _EVERY:
        return _EVERY[duration]
    match = re.fullmatch(r"PT?(\d+)([DHM])", duration)
    if match is None:
        return f"per {duration}"
    count = int(match[1])
    said = _NUMBERS[count] if count < len(_NUMBERS) else match[1]
    return f"{said}-{ {'D': 'day', 'H': 'hour', 'M': 'minute'}[match[2]] }".replace(" ", "")


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value
