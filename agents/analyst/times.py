"""Periods in a question: dates, months, parts of months, weeks, and spans relative to the newest data. Pure.

A year that is not said is the newest one in which the period overlaps days with data. Early, mid and late mean the
first, second and third ten days of a month; the first week of a month is its first seven days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from agents.analyst import seasons
from agents.analyst.days import (
    ANY_DAY,
    MONTHS,
    WORD_NUMBERS,
    Coverage,
    Days,
    Period,
    Reader,
    day_of,
    in_year,
    month_end,
)

_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": -1}
_M = "(?P<m>" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_Y = r"(?:,?\s+(?:of\s+)?(?P<y>(?:19|20)\d\d))?\b"
_D = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_N = r"(?P<n>\d{1,3}|" + "|".join(WORD_NUMBERS) + ")"
_DAYS = {"hour": 1, "day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def find_periods(text: str, coverage: Coverage) -> list[Period]:
    """Periods of a question in the order they stand, ranges joined, `since`, `until`, `before`, `after` applied."""
    found: list[Period] = []
    taken = [False] * len(text)
    for pattern, reader in _PATTERNS:
        for match in pattern.finditer(text):
            if any(taken[match.start() : match.end()]):
                continue
            days = reader(match, coverage)
            if days is not None:
                found.append(Period(*days, match.start(), match.end(), reader in _RELATIVE))
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
    return [_bounded(period, text) for period in _joined(sorted(found, key=lambda p: p.start), text)]


def impossible_dates(text: str) -> list[str]:
    """Days that no calendar has: `31 April`, `29 February 2021`, `2020-13-45`."""
    written: list[str] = []
    for pattern in (_ISO_DAY, _DAY_OF_MONTH, _MONTH_AND_DAY):
        for match in pattern.finditer(text):
            year = int(match["y"]) if match["y"] else 2000  # a leap year: without a year the day may be meant of one
            month = int(match["m"]) if match["m"].isdigit() else MONTHS[match["m"].lower()]
            if day_of(year, month, int(match["d"])) is None:
                written.append(match[0].strip(" ."))
    return written


_LEADING = re.compile(r"\b(?:in|on|at|during|of|from|for|over|between)?\s*(?:the)?\s*$", re.IGNORECASE)


def without_periods(text: str, periods: Sequence[Period] | None = None) -> str:
    """A text without its periods, so that meaning and not dates decides about it."""
    for period in reversed(find_periods(text, ANY_DAY) if periods is None else periods):
        text = f"{_LEADING.sub('', text[: period.start])} {text[period.end :]}"
    return " ".join(text.split())


def _joined(periods: list[Period], text: str) -> list[Period]:
    joined: list[Period] = []
    for period in periods:
        before = joined[-1] if joined else None
        between = text[before.end : period.start].strip().lower() if before else ""
        opener = re.search(r"\b(between|from)\s+(?:the\s+)?$", text[: before.start].lower()) if before else None
        if before and (
            between in {"to", "until", "till", "through", "-", "–"} or (between in {"and", "and the"} and opener)
        ):
            start = opener.start() if opener else before.start
            joined[-1] = Period(_forward(before, period, text), period.last, start, period.end, before.relative)
        else:
            joined.append(period)
    return joined


def _forward(first: Period, last: Period, text: str) -> date | None:
    """The first day of a range; `from November to March` without years begins in the year before."""
    said_year = re.search(r"(?:19|20)\d\d", text[first.start : first.end])
    if said_year or first.first is None or last.last is None or first.first.month <= last.last.month:
        return first.first
    return day_of(first.first.year - 1, first.first.month, first.first.day) or first.first


def _bounded(period: Period, text: str) -> Period:
    word = re.search(r"\b(since|after|before|until|till|up to)\s+(?:the\s+)?$", text[: period.start].lower())
    if word is None or period.first is None or period.last is None:
        return period
    start = word.start()
    match word[1]:
        case "since":
            return Period(period.first, None, start, period.end, period.relative)
        case "after":
            return Period(period.last + timedelta(days=1), None, start, period.end)
        case "before":
            return Period(None, period.first - timedelta(days=1), start, period.end)
        case _:
            return Period(None, period.last, start, period.end)


def _single(year: int, month: int, day: int) -> Days | None:
    found = day_of(year, month, day)
    return (found, found) if found else None


def _span(year: int, month: int, first: int, last: int) -> Days | None:
    start, end = day_of(year, month, first), day_of(year, month, last)
    return (start, end) if start and end and start <= end else None


def _iso(match: re.Match[str], _: Coverage) -> Days | None:
    return _single(int(match["y"]), int(match["m"]), int(match["d"]))


def _iso_month(match: re.Match[str], _: Coverage) -> Days | None:
    month = int(match["m"])
    return (date(int(match["y"]), month, 1), month_end(int(match["y"]), month)) if 1 <= month <= 12 else None


def _day_month(match: re.Match[str], coverage: Coverage) -> Days | None:
    month, day = MONTHS[match["m"].lower()], int(match["d"])
    return in_year(match["y"], coverage, lambda year: _single(year, month, day))


def _day_span(match: re.Match[str], coverage: Coverage) -> Days | None:
    month, first, last = MONTHS[match["m"].lower()], int(match["d"]), int(match["e"])
    return in_year(match["y"], coverage, lambda year: _span(year, month, first, last))


def _slashed(match: re.Match[str], coverage: Coverage) -> Days | None:
    a, b, year = int(match["a"]), int(match["b"]), int(match["y"])
    readings = [days for days in (_single(year, a, b), _single(year, b, a)) if days]
    inside = [days for days in readings if coverage.first <= days[0] <= coverage.last]
    return (inside or readings or [None])[0]


def _month(match: re.Match[str], coverage: Coverage) -> Days | None:
    month = MONTHS[match["m"].lower()]
    return in_year(match["y"], coverage, lambda year: (date(year, month, 1), month_end(year, month)))


def _part_of_month(match: re.Match[str], coverage: Coverage) -> Days | None:
    month, word = MONTHS[match["m"].lower()], match["part"].lower()

    def build(year: int) -> Days:
        end = month_end(year, month)
        if "half" in word:
            return (date(year, month, 1), date(year, month, 15)) if "first" in word else (date(year, month, 16), end)
        if word.startswith(("early", "beginning", "start")):
            return date(year, month, 1), date(year, month, 10)
        if word.startswith("mid"):
            return date(year, month, 11), date(year, month, 20)
        return date(year, month, 21), end

    return in_year(match["y"], coverage, build)


def _week_of_month(match: re.Match[str], coverage: Coverage) -> Days | None:
    month, place = MONTHS[match["m"].lower()], _ORDINALS[match["o"].lower()]

    def build(year: int) -> Days:
        end = month_end(year, month)
        if place < 0:
            return end - timedelta(days=6), end
        return date(year, month, 7 * place - 6), date(year, month, 7 * place)

    return in_year(match["y"], coverage, build)


def _week_of(match: re.Match[str], coverage: Coverage) -> Days | None:
    inner = find_periods(match["rest"], coverage)
    if not inner or inner[0].first is None:
        return None
    monday = inner[0].first - timedelta(days=inner[0].first.weekday())
    return monday, monday + timedelta(days=6)


def _quarter(match: re.Match[str], coverage: Coverage) -> Days | None:
    place = int(match["q"]) if match["q"] else _ORDINALS[match["o"].lower()]
    month = 3 * place - 2
    return in_year(match["y"], coverage, lambda year: (date(year, month, 1), month_end(year, month + 2)))


def _year(match: re.Match[str], _: Coverage) -> Days | None:
    return date(int(match["y"]), 1, 1), date(int(match["y"]), 12, 31)


def _last_n(match: re.Match[str], coverage: Coverage) -> Days | None:
    unit = match["u"].lower()
    if not match["n"] and re.search(rf"\bthis\s+{unit}\b", match.string, re.IGNORECASE):
        return _before_this(unit, coverage.last)
    said = match["n"].lower() if match["n"] else "one"
    count = WORD_NUMBERS.get(said) or int(said)
    days = max(1, -(-count // 24) if match["u"].lower() == "hour" else count * _DAYS[match["u"].lower()])
    return coverage.last - timedelta(days=days - 1), coverage.last


def _before_this(unit: str, last: date) -> Days:
    """Beside `this month`, `last month` is the one before it, not the last thirty days."""
    match unit:
        case "week":
            monday = last - timedelta(days=last.weekday() + 7)
            return monday, monday + timedelta(days=6)
        case "month":
            end = last.replace(day=1) - timedelta(days=1)
            return end.replace(day=1), end
        case _:
            return date(last.year - 1, 1, 1), date(last.year - 1, 12, 31)


def _this(match: re.Match[str], coverage: Coverage) -> Days | None:
    last = coverage.last
    match match["u"].lower():
        case "week":
            return last - timedelta(days=last.weekday()), last
        case "month":
            return last.replace(day=1), last
        case _:
            return last.replace(month=1, day=1), last


def _recently(_: re.Match[str], coverage: Coverage) -> Days | None:
    return coverage.last - timedelta(days=6), coverage.last


def _today(match: re.Match[str], coverage: Coverage) -> Days | None:
    back = 1 if match[0].lower() == "yesterday" else 0
    day = coverage.last - timedelta(days=back)
    return day, day


def _newest(_: re.Match[str], coverage: Coverage) -> Days | None:
    return coverage.last, coverage.last


def _day_of_month(match: re.Match[str], coverage: Coverage) -> Days | None:
    day, month = int(match["d"]), coverage.last.replace(day=1)
    while month >= coverage.first.replace(day=1):
        found = day_of(month.year, month.month, day)
        if found and coverage.first <= found <= coverage.last:
            return found, found
        month = (month - timedelta(days=1)).replace(day=1)
    return None


_RELATIVE: tuple[Reader, ...] = (_last_n, _this, _recently, _today, _newest, *seasons.RELATIVE)
_ISO_DAY = re.compile(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b")
_DAY_OF_MONTH = re.compile(rf"\b(?P<d>[0-3]?\d)(?:st|nd|rd|th)?\s+(?:of\s+)?{_M}{_Y}", re.IGNORECASE)
_MONTH_AND_DAY = re.compile(rf"\b{_M}\s+(?:the\s+)?(?P<d>[0-3]\d)(?:st|nd|rd|th)?\b(?!\d){_Y}", re.IGNORECASE)
_BEFORE_MAY = "|".join(
    rf"(?<=\b{word}\s)"
    for word in ("in", "of", "since", "during", "until", "and", "to", "for", "with", "through", "before")
)
_PART = r"(?P<part>early|mid(?:dle)?|late|end|beginning|start|(?:first|second)\s+half)(?:[\s-]+(?:of\s+)?)"


def _rule(pattern: str, reader: Reader) -> tuple[re.Pattern[str], Reader]:
    return re.compile(pattern, re.IGNORECASE), reader


_PATTERNS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    _rule(r"\bweek\s+of\s+(?:the\s+)?(?P<rest>[^,?;]*\d[^,?;]*)", _week_of),
    _rule(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|\s?UTC)?)?\b", _iso),
    _rule(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)\b(?!-)", _iso_month),
    _rule(r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>(?:19|20)\d\d)\b", _iso),
    _rule(r"\b(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>(?:19|20)\d\d)\b", _slashed),
    _rule(rf"\b{_D}\s*(?:-|–|to|until|through)\s*(?P<e>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_M}{_Y}", _day_span),
    _rule(rf"\b{_M}\s+{_D}\s*(?:-|–|to|until|through)\s*(?P<e>\d{{1,2}})(?:st|nd|rd|th)?\b{_Y}", _day_span),
    _rule(rf"\b{_D}(?=\s+(?:and|or)\s+\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_M}{_Y})", _day_month),
    _rule(rf"\b{_D}\s+(?:of\s+)?{_M}{_Y}", _day_month),
    _rule(rf"\b{_M}\s+(?:the\s+)?{_D}\b(?!\d){_Y}", _day_month),
    _rule(
        rf"\b(?P<o>{'|'.join(_ORDINALS)})(?=\s+(?:and|or|with|to|vs)\s+(?:the\s+)?(?:{'|'.join(_ORDINALS)})"
        rf"\s+week\s+(?:of|in)\s+{_M}{_Y})",
        _week_of_month,
    ),
    _rule(rf"\b(?P<o>{'|'.join(_ORDINALS)})\s+week\s+(?:of|in)\s+{_M}{_Y}", _week_of_month),
    _rule(rf"\b(?:the\s+)?{_PART}{_M}{_Y}", _part_of_month),
    _rule(rf"\b(?!may\b){_M}{_Y}", _month),
    # The modal verb is lower-case and follows no preposition.
    _rule(rf"(?<=\s)(?-i:(?=May\b)){_M}{_Y}", _month),
    _rule(rf"(?:{_BEFORE_MAY})(?P<m>may)\b{_Y}", _month),
    (seasons.SEASON, seasons.season),
    (seasons.LED_SEASON, seasons.season),
    (seasons.AGO, seasons.ago),
    (seasons.WEEKDAY, seasons.weekday),
    (seasons.HALF, seasons.half_year),
    _rule(r"\b(?:q(?P<q>[1-4])|(?P<o>first|second|third|fourth)\s+quarter)" + _Y, _quarter),
    _rule(rf"\b(?:last|past|previous|latest)\s+(?:{_N}\s+)?(?P<u>hour|day|week|month|quarter|year)s?\b", _last_n),
    _rule(r"\bthis\s+(?P<u>week|month|year)\b", _this),
    _rule(r"\b(?:lately|recently|of late)\b", _recently),
    _rule(r"\b(?:today|yesterday)\b", _today),
    _rule(r"\b(?:right\s+now|just\s+now|now|currently|at\s+the\s+moment|at\s+present|presently)\b", _newest),
    _rule(r"\b(?:in|during|of|for|since|until|before|after|year)\s+(?P<y>(?:19|20)\d\d)\b", _year),
    _rule(r"\bthe\s+(?P<d>[0-3]?\d)(?:st|nd|rd|th)\b(?!\s+(?:week|half|quarter))", _day_of_month),
)
