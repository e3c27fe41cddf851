"""Numbers and dates as texts write them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_MONTHS = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905  reads as the calendar does
)
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_DATE = re.compile(
    rf"(?P<iso>\b\d{{4}}-\d\d-\d\d\b)(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|[+-]\d\d:?\d\d)?)?"
    rf"|\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m>{_MONTH})\b\.?(?:,?\s+(?P<y>\d{{4}}))?"
    rf"|\b(?P<m2>{_MONTH})\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y2>\d{{4}}))?",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?<![\d:.])(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?\b")
_NUMBER = re.compile(
    r"(?<![\w.])[-−+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w])|(?<![\w.])[-−+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
)


@dataclass(frozen=True, slots=True)
class Written:
    """A number in a text: how it stands there, what it is, and to how many places it was rounded."""

    text: str
    value: Decimal
    places: int

    def matches(self, other: Decimal) -> bool:
        """True if `other`, rounded to the places that are shown, is this number; a sign may be said in words."""
        step = Decimal(1).scaleb(-self.places)
        return abs(abs(self.value) - abs(other)) <= step / 2


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date in a text; the year may be missing."""

    text: str
    year: int | None
    month: int
    day: int

    def matches(self, other: date) -> bool:
        """True if `other` is that day."""
        return (self.month, self.day) == (other.month, other.day) and self.year in (None, other.year)


def numbers_in(text: str) -> list[Written]:
    """Numbers of a text, without those that are part of a date, a time or a word (`engine-005`)."""
    bare = _TIME.sub(" ", _DATE.sub(" ", text))
    found: list[Written] = []
    for match in _NUMBER.finditer(bare):
        plain = match[0].replace(",", "").replace("−", "-")
        try:
            value = Decimal(plain)
        except InvalidOperation:
            continue
        exponent = value.as_tuple().exponent
        found.append(Written(match[0], value, -exponent if isinstance(exponent, int) else 0))
    return found


def dates_in(text: str) -> list[WrittenDate]:
    """Dates of a text."""
    return [_date(match) for match in _DATE.finditer(text)]


def times_in(text: str) -> set[str]:
    """Times of day of a text, to the minute, `HH:MM`."""
    return {f"{int(match['h']):02d}:{match['m']}" for match in _TIME.finditer(text)}


def _date(match: re.Match[str]) -> WrittenDate:
    if match["iso"]:
        year, month, day = (int(part) for part in match["iso"].split("-"))
        return WrittenDate(match[0], year, month, day)
    name = (match["m"] or match["m2"]).lower()[:3]
    month = next(at for at, full in enumerate(_MONTHS, start=1) if full.startswith(name))
    year = match["y"] or match["y2"]
    return WrittenDate(match[0], int(year) if year else None, month, int(match["d"] or match["d2"]))


def leaves(value: Any) -> Iterator[Any]:
    """Every plain value inside lists and mappings."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def as_date(value: Any) -> date | None:
    """The day of a date, a time, or its ISO text."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            return None
    return None
