"""The verifier: every number, date and time of an answer is looked for in what the tools returned. Pure.

A number counts as found if a value of the rows, rounded to the digits the answer shows, is that number (as it stands,
or times a hundred before a per cent sign), if it is part of a text of the rows, or a count of rows. What the question
itself said may be repeated. Numbers inside names (`engine-005`) are names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from agents.numbers import Written, as_date, dates_in, leaves, numbers_in, times_in

_LIST_MARK = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was and was not found."""

    checked: int
    unmatched: list[str] = field(default_factory=lambda: list[str]())

    @property
    def verified(self) -> bool:
        """Nothing in the answer is without a source."""
        return not self.unmatched


@dataclass(frozen=True, slots=True)
class _Known:
    values: set[Decimal]
    dates: set[date]
    times: set[str]
    names: set[str]


def verify(answer: str, results: Sequence[dict[str, Any]], question: str = "") -> Verdict:
    """Hold an answer against tool results.

    Args:
        answer: what is about to be said.
        results: tool results as JSON objects, see `core.sdk.result.ToolResult`.
        question: what was asked.
    """
    known = _known(results)
    text = _without_names(_LIST_MARK.sub(" ", answer), known.names)
    asked_numbers, asked_dates = numbers_in(question), dates_in(question)
    checked = 0
    unmatched: list[str] = []
    for number in numbers_in(text):
        checked += 1
        percent = bool(re.search(re.escape(number.text) + r"\s*(?:%|per\s?cent)", text))
        if not (
            _found(number, known.values, percent=percent) or any(one.value == number.value for one in asked_numbers)
        ):
            unmatched.append(number.text)
    for written in dates_in(text):
        checked += 1
        asked = any((one.month, one.day) == (written.month, written.day) for one in asked_dates)
        if not (asked or any(written.matches(day) for day in known.dates)):
            unmatched.append(written.text)
    for time in sorted(times_in(text) - times_in(question)):
        checked += 1
        if time not in known.times:
            unmatched.append(time)
    return Verdict(checked, unmatched)


def _found(number: Written, values: set[Decimal], *, percent: bool) -> bool:
    return any(number.matches(value) or (percent and number.matches(value * 100)) for value in values)


def _known(results: Sequence[dict[str, Any]]) -> _Known:
    values: set[Decimal] = set()
    dates: set[date] = set()
    times: set[str] = set()
    names: set[str] = set()
    for result in results:
        rows: list[dict[str, Any]] = result.get("rows", [])
        values.add(Decimal(len(rows)))
        told = [*rows, result.get("window"), result.get("definitions")]
        for leaf in leaves(told):
            if isinstance(leaf, bool) or leaf is None:
                continue
            if isinstance(leaf, int | float):
                values.add(Decimal(str(leaf)))
            else:
                _read_text(leaf, values, dates, times, names)
    return _Known(values, dates, times, names)


def _read_text(leaf: Any, values: set[Decimal], dates: set[date], times: set[str], names: set[str]) -> None:
    day = as_date(leaf)
    text = str(leaf)
    if day is not None:
        dates.add(day)
    elif re.search(r"\d", text) and re.search(r"[A-Za-z]", text) and " " not in text:
        names.add(text)
    else:
        values.update(number.value for number in numbers_in(text))
        dates.update(
            date(written.year, written.month, written.day) for written in dates_in(text) if written.year is not None
        )
    times.update(times_in(text))


def _without_names(text: str, names: set[str]) -> str:
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ", text)
    return text
