"""Every figure the demo prints stands in rows that its evidence, run again, gives, by rules of this file alone."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from core.contracts.evidence import Evidence
from lake.reader import LakeReader
from lake.store import Lake

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("demo")]

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
DAY = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)|(\d{{1,2}}) ({'|'.join(MONTHS)})(?: (\d{{4}}))?")
CLOCK = re.compile(r"\b\d\d:\d\d\b")
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")
NAME = re.compile(r"\b[A-Za-z_]+[-_]?\d[\w-]*|\b\w*[A-Za-z]\w*-\d+\b")


def cells(rows: list[dict[str, object]]) -> Iterator[object]:
    for row in rows:
        for value in row.values():
            yield from value if isinstance(value, list) else [value]


def days_of(text: str) -> set[tuple[int | None, int, int]]:
    """(year or None, month, day) of every date that is written out."""
    found: set[tuple[int | None, int, int]] = set()
    for year, month, day, day_in_words, name, year_in_words in DAY.findall(text):
        if year:
            found.add((int(year), int(month), int(day)))
        else:
            found.add((int(year_in_words) if year_in_words else None, MONTHS.index(name) + 1, int(day_in_words)))
    return found


def figures_of(text: str) -> set[str]:
    """Figures as they are written, without dates, times of day and the names of things."""
    for pattern in (DAY, CLOCK, NAME):
        text = pattern.sub(" ", text)
    return {figure.replace(",", "") for figure in FIGURE.findall(text)}


def not_found(answer: str, question: str, evidence: list[list[dict[str, object]]], window: str) -> list[str]:
    """Figures, dates and times of an answer that neither the question nor the rows of its evidence hold.

    Days that were asked for ("mid-April") stand in the queries as the window they were understood as.
    """
    said = answer.split("\n\n— ", 1)[0]
    values = [cell for rows in evidence for cell in cells(rows)]
    numbers = [abs(float(cell)) for cell in values if isinstance(cell, int | float)] + [len(rows) for rows in evidence]
    moments = [cell for cell in values if isinstance(cell, date)]
    texts = " ".join(cell for cell in values if isinstance(cell, str))
    days = {(one.year, one.month, one.day) for one in moments} | days_of(texts + window)
    clocks = {f"{one.astimezone(UTC) if one.tzinfo else one:%H:%M}" for one in moments if isinstance(one, datetime)}
    missing = [
        figure
        for figure in figures_of(said) - figures_of(question) - figures_of(texts)
        if not any(abs(number - float(figure)) <= 0.5 * 10 ** -len(figure.partition(".")[2]) for number in numbers)
    ]
    asked = {(month, day) for _, month, day in days_of(question)}
    for year, month, day in days_of(said):
        known = any((month, day) == one[1:] and year in (None, one[0]) for one in days)
        if not known and (month, day) not in asked:
            missing.append(f"{year}-{month}-{day}")
    return missing + sorted(set(CLOCK.findall(said)) - clocks - set(CLOCK.findall(question + texts)))


def queries(answer: dict[str, Any]) -> str:
    return " ".join(item["query"] for item in answer["evidence"])


@pytest.fixture(scope="module")
def rerun(demo):
    """Rows of every answer's evidence, fetched again."""

    def fetch(answer: dict[str, Any]) -> list[list[dict[str, object]]]:
        reader = LakeReader(Lake(str(demo.run / "lake")).tenant(answer["tenant"]))
        return [reader.rerun(Evidence.model_validate(item)) for item in answer["evidence"]]

    return fetch


def test_evidence_gives_as_many_rows_again(demo, rerun):
    for answer in demo.summary["answers"]:
        assert [len(rows) for rows in rerun(answer)] == [item["rows"] for item in answer["evidence"]], answer[
            "question"
        ]


def test_every_figure_of_every_answer_is_found_again(demo, rerun):
    figures = 0
    for answer in demo.summary["answers"]:
        assert not_found(answer["answer"], answer["question"], rerun(answer), queries(answer)) == [], answer["question"]
        figures += len(figures_of(answer["answer"])) + len(days_of(answer["answer"]))
    assert figures > 20


@pytest.mark.parametrize(
    ("true", "planted"), [(r"\d+\.\d+", "987.6"), (r"\d{4}-\d\d-\d\d", "2020-02-29"), (r"\d\d:\d\d", "23:59")]
)
def test_a_figure_that_is_not_there_is_noticed(demo, rerun, true, planted):
    answer = next(one for one in demo.summary["answers"] if re.search(true, one["answer"]))
    altered = re.sub(true, planted, answer["answer"], count=1)
    assert not_found(altered, answer["question"], rerun(answer), queries(answer)), altered
