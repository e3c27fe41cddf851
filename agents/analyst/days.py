"""Days, months and the days with data: what every reading of a period goes by. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sept", "sep"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
WORD_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=1
    )
}
CALENDAR_WORDS = (
    *MONTHS,
    *WORD_NUMBERS,
    "today yesterday tomorrow day days week weeks weekend month months quarter half year years last next ago",
    "spring summer autumn winter monday tuesday wednesday thursday friday saturday sunday",
)
"""For those who mend spelling."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Days with data: what relative and year-less periods are resolved against."""

    first: date
    last: date


ANY_DAY = Coverage(date(2000, 1, 1), date(2049, 12, 31))
"""For finding where periods stand in a text when it does not matter which days they mean."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both inclusive; None is open. `start` and `end` say where in the text it stands."""

    first: date | None
    last: date | None
    start: int
    end: int
    relative: bool = False
    """Counted back from the newest data (`last week`, `now`), not named by the calendar."""


Days = tuple[date, date]
Reader = Callable[[re.Match[str], Coverage], Days | None]


def month_end(year: int, month: int) -> date:
    """Last day of a month."""
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def in_year(year: str | None, coverage: Coverage, build: Callable[[int], Days | None]) -> Days | None:
    """Days of the year that is said, else of the newest in which they overlap days with data, else of the newest."""
    if year is not None:
        return build(int(year))
    years = range(coverage.last.year, coverage.first.year - 1, -1)
    built = [days for days in (build(candidate) for candidate in years) if days is not None]
    overlapping = [days for days in built if days[0] <= coverage.last and days[1] >= coverage.first]
    return (overlapping or built or [None])[0]


def day_of(year: int, month: int, day: int) -> date | None:
    """A day, None if no calendar has it."""
    try:
        return date(year, month, day)
    except ValueError:
        return None
