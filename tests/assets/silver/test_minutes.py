"""Signals by the minute: the same time-weighting as by the hour, without rows in which nothing happened."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.silver.holding import hourly
from assets.silver.judge import judge_readings
from assets.silver.minutes import minutely
from tests.assets.silver.conftest import MIDNIGHT

MONDAY = date(2024, 3, 4)
BAD = 0x809B0000


@pytest.fixture
def by_minute(bronze, signals):
    """Minutes of Monday, from samples (signal, minutes after midnight, value)."""

    def compute(*samples, days=(MONDAY,), bad: int | None = None) -> pl.DataFrame:
        rows = bronze.rows(*samples)
        if bad is not None:
            rows = rows.with_columns(quality=pl.when(pl.col("seq") == bad).then(BAD).otherwise("quality"))
        return minutely(judge_readings(rows, signals).kept, signals, days).sort("signal", "minute")

    return compute


def at(minutes: float):
    return MIDNIGHT + timedelta(minutes=minutes)


def test_what_held_before_a_sample_counts_in_its_minute(by_minute):
    rows = by_minute(("flow", 0, 10.0), ("flow", 0.75, 30.0), ("flow", 1.5, 50.0), ("flow", 2.25, 50.0)).to_dicts()
    assert [(row["mean"], row["min"], row["max"], row["last"], row["samples"]) for row in rows] == [
        (pytest.approx((10 * 45 + 30 * 15) / 60), 10.0, 30.0, 30.0, 2),
        (pytest.approx((30 * 30 + 50 * 30) / 60), 30.0, 50.0, 50.0, 1),
        (pytest.approx(50.0), 50.0, 50.0, 50.0, 1),
    ]
    assert [row["observed_s"] for row in rows] == [60.0, 60.0, 60.0]


def test_a_minute_without_a_sample_has_no_row_and_until_says_what_held(by_minute):
    rows = by_minute(*(("level", minute, 1.0 + minute) for minute in (0, 5, 10)))
    assert rows["minute"].to_list() == [at(0), at(5), at(10)]
    assert rows["until"].to_list()[:2] == [at(5), at(10)]
    assert rows["mean"].to_list() == pytest.approx([10.0, 60.0, 110.0])  # centimetres as sent, millimetres as promised


def test_a_bad_sample_ends_what_held(by_minute):
    rows = by_minute(("flow", 0, 4.0), ("flow", 0.5, None), ("flow", 1.5, 8.0), ("flow", 2, 8.0), bad=1)
    assert rows["observed_s"].to_list()[:2] == [30.0, 30.0]
    assert rows["mean"].to_list()[:2] == [4.0, 8.0]


def test_a_day_begins_with_what_held_over_midnight_and_is_the_same_alone(by_minute):
    samples = [("level", 17.5 * n, float(n % 7)) for n in range(200)]
    tuesday = MONDAY + timedelta(days=1)
    alone = by_minute(*samples, days=(tuesday,))
    assert (alone["minute"][0], alone["samples"][0]) == (at(1440), 0)
    assert alone.equals(by_minute(*samples, days=(MONDAY, tuesday)).filter(pl.col("date") == tuesday))


def test_hours_follow_from_minutes(by_minute, bronze, signals):
    samples = [("level", 0.37 * n, float(n * n % 11)) for n in range(600)]
    hours = hourly(judge_readings(bronze.rows(*samples), signals).kept, signals, [MONDAY]).sort("hour")
    minutes = by_minute(*samples)
    folded = (
        minutes.group_by(hour=pl.col("minute").dt.truncate("1h"))
        .agg(mean=(pl.col("mean") * pl.col("observed_s")).sum() / pl.col("observed_s").sum(), samples=pl.sum("samples"))
        .sort("hour")
    )
    assert folded["mean"].to_list()[:3] == pytest.approx(hours["mean"].to_list()[:3])
    assert folded["samples"].to_list() == hours["samples"].to_list()


def test_windows_are_no_minutes(by_minute):
    assert by_minute(("flow:mean:PT1H", 0, 4.0), ("flow:mean:PT1H", 60, 4.0)).is_empty()
