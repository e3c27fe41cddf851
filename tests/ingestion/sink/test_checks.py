from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from core.contracts.quality import BAD, BAD_NO_DATA, CALCULATED, GOOD, UNCERTAIN
from core.contracts.reading import to_us
from ingestion.sink.checks import Reasons, TimeLimits, check_readings, check_times

NUMBER, EMPTY = "value is not a number", "good quality without a value"


@pytest.mark.parametrize(
    ("value", "text", "quality", "reason"),
    [
        (1.5, None, GOOD, None),
        (-0.0, None, BAD, None),
        (None, "open", GOOD, None),
        (None, None, BAD_NO_DATA, None),
        (None, None, UNCERTAIN, None),
        (None, None, GOOD, EMPTY),
        (None, None, CALCULATED, EMPTY),
        (None, "nan", BAD, NUMBER),
        (None, "-inf", BAD_NO_DATA, NUMBER),
        (None, "inf", BAD, NUMBER),
        (None, "nan", GOOD, None),
        (float("nan"), None, GOOD, NUMBER),
        (float("inf"), None, BAD, NUMBER),
        (float("-inf"), "x", GOOD, NUMBER),
    ],
)
def test_values(value: float | None, text: str | None, quality: int, reason: str | None) -> None:
    rows = pa.table(
        {
            "value": pa.array([1.0, value], pa.float64(), from_pandas=False),
            "text": pa.array([None, text], pa.string()),
            "quality": pa.array([0, quality], pa.int64()),
        }
    )
    reasons = Reasons(2)
    check_readings(rows, reasons)
    assert reasons.of_rejected() == ([] if reason is None else [reason])
    assert list(reasons.rejected) == [False, reason is not None]


def test_times_have_limits_on_both_sides() -> None:
    limits = TimeLimits.of(date(2000, 1, 1), 600)
    received = datetime(2024, 3, 1, tzinfo=UTC)
    times = [
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        received + timedelta(seconds=600),
        received + timedelta(seconds=600, microseconds=1),
    ]
    reasons = Reasons(4)
    check_times(np.array([to_us(t) for t in times]), np.full(4, to_us(received)), limits, reasons)
    assert list(reasons.rejected) == [True, False, False, True]
    assert reasons.of_rejected() == [
        "source time is before the lake's first day",
        "source time is ahead of the receive clock",
    ]


def test_a_row_keeps_its_first_reason() -> None:
    reasons = Reasons(2)
    reasons.add("first", np.array([True, False]))
    reasons.add("second", np.array([True, True]))
    assert reasons.of_rejected() == ["first", "second"]
