"""Numbers, dates and times of an answer against what the tools returned."""

from __future__ import annotations

from typing import Any

import pytest

from agents.verify import verify

RESULTS: list[dict[str, Any]] = [
    {
        "rows": [
            {
                "equipment_id": "engine-005",
                "life_median": 12.345,
                "share": 0.8734,
                "pressure": -1.5,
                "cycles": 21500,
                "date": "2024-01-03",
                "at": "2024-01-03T14:05:00Z",
                "reason": "oil 76.31 degC, 4.2 spreads above",
                "unit": "m3/h",
            },
            {"equipment_id": "engine-006"},
        ],
        "window": {"first": "2024-01-01", "last": "2024-01-31"},
        "definitions": {"life_low": "lower end of the 90 % interval"},
    }
]


@pytest.mark.parametrize(
    "answer",
    [
        "engine-005 has 12.345 cycles left",
        "engine-005 has 12.3 cycles left, about 12",
        "it was used 87.3 % of the time",
        "87 per cent",
        "1.5 bar below",
        "21,500 cycles",
        "on 2024-01-03 at 14:05 UTC",
        "on 3 January 2024",
        "on January 3",
        "between 2024-01-01 and 2024-01-31",
        "the oil was at 76.3, 90 % interval, in m3/h",
        "2 machines",
        "1. engine-006\n2. engine-005",
        "no number at all",
    ],
)
def test_what_the_rows_say_is_found(answer: str) -> None:
    assert verify(answer, RESULTS).unmatched == []


@pytest.mark.parametrize(
    ("answer", "unmatched"),
    [
        ("13 cycles", ["13"]),
        ("12.4 cycles", ["12.4"]),
        ("12.36 cycles", ["12.36"]),
        ("88 %", ["88"]),
        ("on 2024-01-04", ["2024-01-04"]),
        ("on 4 February", ["4 February"]),
        ("at 15:05", ["15:05"]),
        ("engine-105 is worse", ["105"]),
        ("about 5 of them", ["5"]),
    ],
)
def test_what_they_do_not_say_is_flagged(answer: str, unmatched: list[str]) -> None:
    verdict = verify(answer, RESULTS)
    assert (verdict.unmatched, verdict.verified) == (unmatched, False)


def test_the_question_may_be_repeated() -> None:
    assert verify("Not above 90 degC on 4 May.", RESULTS, "Was it above 90 degC on 4 May?").verified
    assert not verify("It reached 91 degC.", RESULTS, "Was it above 90 degC?").verified


def test_without_results_every_number_is_without_a_source() -> None:
    assert verify("It will last 30 days.", []).unmatched == ["30"]
