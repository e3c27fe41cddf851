"""Signals by the hour: how long a value stands."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.silver.holding import hourly
from assets.silver.judge import judge_readings

MONDAY = date(2024, 3, 4)
BAD = 0x809B0000


@pytest.fixture
def by_hour(bronze, signals):
    """Hours of Monday, from samples."""

    def compute(*samples, days=(MONDAY,), bad: int | None = None) -> pl.DataFrame:
        rows = bronze.rows(*samples)
        if bad is not None:
            rows = rows.with_columns(quality=pl.when(pl.col("seq") == bad).then(BAD).otherwise("quality"))
        return hourly(judge_readings(rows, signals).kept, signals, days).sort("signal", "hour")

    return compute


def test_the_mean_is_weighted_by_time(by_hour):
    row = by_hour(("flow", 0, 10.0), ("flow", 15, 20.0), ("flow", 60, 20.0)).to_dicts()[0]
    assert row["mean"] == pytest.approx((10 * 15 + 20 * 45) / 60)
    assert (row["min"], row["max"], row["last"], row["samples"], row["observed_s"]) == (10.0, 20.0, 20.0, 2, 3600.0)


def test_a_value_that_holds_over_hours_counts_in_each(by_hour):
    hours = by_hour(*(("flow", minutes, 1.0) for minutes in (0, 150, 300)))
    assert hours["samples"].to_list()[:6] == [1, 0, 1, 0, 0, 1]
    assert hours["observed_s"].to_list()[:5] == [3600.0] * 5


def test_a_long_silence_ends_a_value_unless_a_deadband_explains_it(by_hour):
    minutes = (0, 10, 20, 30, 300, 310)
    hours = by_hour(*(("flow", m, 1.0) for m in minutes), *(("level", m, 1.0) for m in minutes))
    silent = dict(hours.filter(pl.col("signal") == "flow").select(pl.col("hour").dt.hour(), "observed_s").iter_rows())
    quiet = dict(hours.filter(pl.col("signal") == "level").select(pl.col("hour").dt.hour(), "observed_s").iter_rows())
    assert silent[0] == 40 * 60
    assert 2 not in silent
    assert quiet[2] == 3600.0


def test_a_bad_sample_ends_the_value_before_it_and_holds_none(by_hour):
    row = by_hour(("flow", 0, 4.0), ("flow", 20, None), ("flow", 40, 8.0), ("flow", 60, 8.0), bad=1).to_dicts()[0]
    assert row["observed_s"] == 40 * 60
    assert row["mean"] == pytest.approx(6.0)


def test_a_day_alone_equals_the_day_in_a_range(by_hour):
    samples = [("level", 17.0 * n, float(n % 7)) for n in range(250)]
    tuesday = MONDAY + timedelta(days=1)
    together = by_hour(*samples, days=(MONDAY, tuesday, tuesday + timedelta(days=1)))
    alone = by_hour(*samples, days=(tuesday,))
    assert alone.height == 24
    assert together.filter(pl.col("date") == tuesday).equals(alone)
