"""Seasons, halves of a year, weekdays and `three weeks ago`: periods that lean on the days with data. Pure.

Seasons are whole months, as meteorology counts them in the north: spring is March to May. A winter is told by either of
its two years.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from agents.analyst.days import MONTHS, WORD_NUMBERS, Coverage, Days, Reader, in_year, month_end

_FIRST_MONTHS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_PARTS = {"early": 0, "mid": 1, "late": 2}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_YEAR = r"(?:,?\s+(?:of\s+)?(?P<y>(?:19|20)\d\d)(?:\s?[-/–]\s?(?:\d\d)?\d\d)?)?\b"
_PART = r"(?:\b(?P<part>early|mid|late)(?:[\s-]+(?:in\s+)?(?:the\s+)?))?"
_WHICH = r"(?:\b(?P<which>last|past|previous|this)\s+)"
_LEADING = ("in", "during", "over", "since", "until", "with", "than", "vs", "versus", "to", "compare")
_LED = "|".join(rf"(?<=\b{word}{the}\s)" for word in _LEADING for the in ("", r"\sthe"))
_BESIDE = "|".join(rf"(?<=\b{season}\s{word}\s)" for season in _FIRST_MONTHS for word in ("and", "or"))
_THING = r"(?:spring|fall)"
"""Words that are things too: only a season where a season is expected."""
SEASON = re.compile(rf"{_PART}{_WHICH}?\b(?P<s>summer|autumn|winter)s?{_YEAR}", re.IGNORECASE)
LED_SEASON = re.compile(
    rf"(?:{_PART}{_WHICH}|\b(?P<part2>early|mid|late)[\s-]+|{_LED}|{_BESIDE})(?P<s>{_THING}){_YEAR}"
    rf"|\b(?P<s2>{_THING}),?\s+(?:of\s+)?(?P<y2>(?:19|20)\d\d)\b"
    rf"|\b(?P<s3>{_THING})(?=\s+(?:and|or|vs|versus|to)\s+(?:summer|autumn|winter|fall|spring)\b)",
    re.IGNORECASE,
)
HALF = re.compile(
    r"\b(?:the\s+)?(?:(?P<o>first|second)\s+half|h(?P<h>[12]))(?:\s+of)?(?:\s+the\s+year)?(?:,?\s+(?P<y>(?:19|20)\d\d))?\b",
    re.IGNORECASE,
)
AGO = re.compile(
    r"\b(?P<n>\d{1,3}|an?|" + "|".join(WORD_NUMBERS) + r")\s+(?P<u>hour|day|week|month|year)s?\s+ago\b", re.IGNORECASE
)
_DATED = "|".join(sorted(MONTHS, key=len, reverse=True))
WEEKDAY = re.compile(
    rf"\b(?:on|since|last|this|past|until|before|after)\s+(?:the\s+)?(?P<w>{'|'.join(_WEEKDAYS)})\b"
    rf"(?!,?\s+(?:the\s+)?(?:\d|(?:{_DATED})\b))",
    re.IGNORECASE,
)


def season(match: re.Match[str], coverage: Coverage) -> Days | None:
    """Days of a season: of the year that is said, the last one that is over, else the newest with data."""
    said = {name.rstrip("23"): value.lower() for name, value in match.groupdict().items() if value}
    month = _FIRST_MONTHS[said["s"]]
    part = _PARTS.get(said.get("part", ""))
    built = [_season_of(year, month, part) for year in _years(said.get("y"), coverage)]
    if said.get("which") in ("last", "past", "previous"):
        built = [days for days in built if days[1] <= coverage.last] or built[-1:]
        return built[0]
    if said.get("which") == "this":
        return next((days for days in built if days[0] <= coverage.last), built[0])
    overlapping = [days for days in built if days[0] <= coverage.last and days[1] >= coverage.first]
    return (overlapping or built)[0]


def seasons_said(text: str) -> list[str]:
    """What the seasons of a text were taken to be: `winter is taken as December to February`."""
    months = [name for name in MONTHS if len(name) > 3 or name == "may"]
    months.remove("sept")
    said: dict[str, None] = {}
    found = [*SEASON.finditer(text), *LED_SEASON.finditer(text)]
    for match in sorted(found, key=lambda match: match.end()):
        name = next(value.lower() for key, value in match.groupdict().items() if value and key.rstrip("23") == "s")
        first = _FIRST_MONTHS[name]
        ends = (months[first - 1].capitalize(), months[(first + 1) % 12].capitalize())
        said[f"{name.capitalize()} is taken as {ends[0]} to {ends[1]}."] = None
    return list(said)


def half_year(match: re.Match[str], coverage: Coverage) -> Days | None:
    """The first or second six months."""
    first = (match["o"] or "").lower() == "first" or match["h"] == "1"

    def build(year: int) -> Days:
        return (date(year, 1, 1), date(year, 6, 30)) if first else (date(year, 7, 1), date(year, 12, 31))

    return in_year(match["y"], coverage, build)


def ago(match: re.Match[str], coverage: Coverage) -> Days | None:
    """The day, calendar week, month or year so many of them before the newest data."""
    word = match["n"].lower()
    count = 1 if word in ("a", "an") else WORD_NUMBERS.get(word) or int(word)
    last = coverage.last
    match match["u"].lower():
        case "hour" | "day":
            day = last - timedelta(days=-(-count // 24) if match["u"].lower() == "hour" else count)
            return day, day
        case "week":
            monday = last - timedelta(days=last.weekday() + 7 * count)
            return monday, monday + timedelta(days=6)
        case "month":
            year, month = divmod(last.year * 12 + last.month - 1 - count, 12)
            return date(year, month + 1, 1), month_end(year, month + 1)
        case _:
            return date(last.year - count, 1, 1), date(last.year - count, 12, 31)


def weekday(match: re.Match[str], coverage: Coverage) -> Days | None:
    """The newest such day with data."""
    wanted = _WEEKDAYS.index(match["w"].lower())
    day = coverage.last - timedelta(days=(coverage.last.weekday() - wanted) % 7)
    return day, day


def _season_of(year: int, month: int, part: int | None) -> Days:
    """A season that begins in a year, or its first, middle or last month."""
    begin, end = (0, 2) if part is None else (part, part)
    (first_year, first), (last_year, last) = (divmod(year * 12 + month - 1 + step, 12) for step in (begin, end))
    return date(first_year, first + 1, 1), month_end(last_year, last + 1)


def _years(said: str | None, coverage: Coverage) -> Iterator[int]:
    """Years in which the season may begin, the newest first."""
    if said is not None:
        yield from (int(said), int(said) - 1)
    else:
        yield from range(coverage.last.year, coverage.first.year - 2, -1)


RELATIVE: tuple[Reader, ...] = (ago, weekday)
