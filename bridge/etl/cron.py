"""Cron's five fields: minute, hour, day of the month, month, day of the week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_LONGEST = timedelta(days=366 * 8)
"""The 29th of February may be eight years away."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Moments of a schedule; Sunday is 0, and 7 as well.

    As cron does: if both days are restricted, either of them is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Numbers, `*`, ranges `a-b`, lists `a,b` and steps `*/n`.

        Raises:
            ValueError: it is written otherwise, or names no day there ever is.
        """
        words = text.split()
        if len(words) != len(_FIELDS):
            raise ValueError(f"{text!r} has not the five fields minute hour day month weekday")
        sets = [_field(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
        weekdays = frozenset(day % 7 for day in sets[4])
        restricted = not words[2].startswith("*") and not words[4].startswith("*")
        cron = cls(sets[0], sets[1], sets[2], sets[3], weekdays, restricted)
        cron.after(datetime(2024, 1, 1))
        return cron

    def after(self, moment: datetime) -> datetime:
        """The first moment of the schedule behind this one, in the same time zone.

        Raises:
            ValueError: there is none.
        """
        at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = moment + _LONGEST
        while at <= end:
            if not self._is_day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        raise ValueError("no such day ever comes")

    def _is_day(self, at: datetime) -> bool:
        if at.month not in self.months:
            return False
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


def _field(word: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            start, end = (low, high) if span == "*" else (int(first), int(last or first))
            every = int(step) if step else 1
        except ValueError:
            raise ValueError(f"{part!r} is no {name}") from None
        if not low <= start <= end <= high or every < 1:
            raise ValueError(f"{part!r} is no {name} from {low} to {high}")
        found.update(range(start, (high if step and span != "*" and not last else end) + 1, every))
    return frozenset(found)
