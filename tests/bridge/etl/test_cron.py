"""Cron's five fields against what cron does."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.etl.cron import Cron


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/15 * * * *", "2024-03-01 10:15", "2024-03-01 10:30"),
        ("0 6 * * 1-5", "2024-03-01 06:00", "2024-03-04 06:00"),
        ("30 2 29 2 *", "2024-03-01 00:00", "2028-02-29 02:30"),
        ("0 0 13 * 5", "2024-03-01 00:00", "2024-03-08 00:00"),
        ("5,35 22-23 1 1,7 *", "2024-01-01 23:35", "2024-07-01 22:05"),
        ("0 0 * * 7", "2024-03-01 00:00", "2024-03-03 00:00"),
        ("10/20 * * * *", "2024-03-01 10:10", "2024-03-01 10:30"),
    ],
)
def test_next_moment(text: str, after: str, expected: str) -> None:
    assert Cron.parse(text).after(datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


def test_it_keeps_the_zone() -> None:
    moment = datetime(2024, 3, 1, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Cron.parse("0 6 * * *").after(moment).isoformat() == "2024-03-01T06:00:00+01:00"


@pytest.mark.parametrize("text", ["* * * *", "60 * * * *", "a * * * *", "5-1 * * * *", "*/0 * * * *", "0 0 31 2 *"])
def test_what_it_is_not(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Cron.parse(text)
