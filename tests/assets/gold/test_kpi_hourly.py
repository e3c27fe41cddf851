"""Key figures by the hour, each against one worked out by hand, and hours against their day."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.gold.kpi_daily import kpi_daily
from assets.gold.kpi_hourly import contradicted, kpi_hourly
from assets.silver.holding import hourly
from assets.silver.pairing import episodes
from tests.assets.gold.conftest import MIDNIGHT
from tests.assets.gold.test_kpi_truth import DAYS, NOTHING_SPECIAL, WATCHED, recorded, told

MONDAY = date(2024, 3, 4)
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
def figures(gold):
    """`{(kpi, n): value}` for the n-th hour since Monday."""

    def compute(hours, counters=None, spans=(), watched=WATCHED, days=(MONDAY, TUESDAY)):
        counted = gold.readings("pieces", [0.0], role="count").clear() if counters is None else counters
        found = kpi_hourly(gold.hours(*hours), counted, gold.episodes(*spans), watched, days)
        return {(row["kpi"], (row["hour"] - MIDNIGHT) / timedelta(hours=1)): row["value"] for row in found.to_dicts()}

    return compute


@pytest.fixture(scope="module")
def press():
    """Frames of the press whose figures are known by the minute: by the hour and by the day."""
    readings, faults = recorded(set_point=False), episodes(told())
    counters = readings.filter(pl.col("role").is_in(["count", "good"]))
    inputs = hourly(readings, NOTHING_SPECIAL, DAYS), counters, faults, WATCHED, DAYS
    return kpi_hourly(*inputs), kpi_daily(*inputs)


@pytest.mark.parametrize(
    ("kpi", "hour", "value"),
    [
        ("utilisation", 7, 100.0),
        ("utilisation", 9, 50.0),
        ("utilisation", 12, 0.0),
        ("availability", 9, 50.0),
        ("availability", 15, 0.0),
        ("availability", 16, 100.0),
        ("throughput", 9, 60.0),
        ("throughput", 20, 90.0),
        ("cycle_time", 9, 30.0),
        ("cycle_time", 20, 40.0),
        ("fault_count", 9, 1.0),
        ("fault_count", 10, 0.0),
        ("oee", 7, 100.0),
        ("oee", 9, 50.0),
        ("oee", 20, 100 * 0.75 * 0.9),
    ],
)
def test_every_hour_is_the_one_worked_out_by_hand(press, kpi, hour, value):
    rows = press[0].filter(pl.col("kpi") == kpi, pl.col("hour").dt.hour() == hour).sort("hour")
    # A counter shows at the full hour what the minute before it made.
    loose = 1.5 if kpi in ("throughput", "cycle_time", "oee") else 1e-6
    assert rows["value"].to_list() == pytest.approx([value, value], abs=loose)


def test_hours_of_a_day_add_up_to_the_day(press):
    by_hour, by_day = press
    for kpi in ("throughput", "fault_count"):
        summed = by_hour.filter(pl.col("kpi") == kpi).group_by("date").agg(pl.col("value").sum()).sort("date")
        days = by_day.filter(pl.col("kpi") == kpi).sort("date")
        assert summed["value"].to_list() == pytest.approx(days["value"].to_list())
    for kpi in ("utilisation", "availability"):
        weighted = (pl.col("value") * pl.col("observed_s")).sum() / pl.col("observed_s").sum()
        meant = by_hour.filter(pl.col("kpi") == kpi).group_by("date").agg(weighted).sort("date")
        days = by_day.filter(pl.col("kpi") == kpi).sort("date")
        assert meant["value"].to_list() == pytest.approx(days["value"].to_list())


def test_hours_in_which_a_running_signal_is_not_heard_are_none_of_running(gold, figures):
    counter = gold.readings("pieces", [10.0 * n for n in range(48)], role="count")
    hours = [gold.hour(n, 5.0) for n in range(48)] + [gold.hour(n, 1.0, "running") for n in range(12)]
    for days in ((MONDAY, TUESDAY), (TUESDAY,)):
        assert ("cycle_time", 30) not in figures(hours, counter, days=days)
    assert figures(hours[:48], counter)["cycle_time", 30] == 360.0


def test_overlapping_faults_count_once_and_an_open_one_stands(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(30)], spans=[(2.25, 2.75), (2.5, 3.5), (27.5, None)])
    assert found["availability", 2] == pytest.approx(25.0)
    assert found["availability", 3] == pytest.approx(50.0)
    assert found["availability", 27] == pytest.approx(50.0)
    assert [found["availability", n] for n in (4, 28, 29)] == [100.0, 0.0, 0.0]
    assert found["fault_count", 2] == 2


def test_a_fault_in_an_hour_without_a_reading_is_counted(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(3)], spans=[(5.5, 6)])
    assert found["fault_count", 5] == 1
    assert ("availability", 5) not in found


def test_a_machine_nobody_watches_has_no_availability(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(24)], spans=[(2, 3)], watched=WATCHED.clear())
    assert found == {}


def test_the_best_hour_of_thirty_days_is_what_speed_is_held_against(gold, figures):
    hours = [gold.hour(n, 1.0, "running") for n in (-29 * 24, 5)] + [gold.hour(-29 * 24, 100.0, "speed")]
    counters = pl.concat([gold.readings(name, [10.0 * n for n in range(7)], role=name) for name in ("count", "good")])
    shown = [*hours, gold.hour(5, 40.0, "speed")]
    assert figures(shown, counters)["oee", 5] == pytest.approx(40.0)
    older = [{**row, "hour": row["hour"] - timedelta(days=1), "date": row["date"] - timedelta(days=1)} for row in shown]
    assert figures([*older[:1], *shown[1:2], older[2], shown[3]], counters)["oee", 5] == pytest.approx(100.0)


def test_a_day_alone_equals_the_day_in_a_range(gold, figures):
    hours = [gold.hour(n, (n % 5) / 4, "running") for n in range(48)]
    counters = gold.readings("pieces", [3.0 * n for n in range(48)], role="count")
    both = figures(hours, counters, spans=[(3, 5), (20, 40)])
    alone = figures(hours, counters, spans=[(3, 5), (20, 40)], days=[TUESDAY])
    assert alone == {key: value for key, value in both.items() if key[1] >= 24}


def test_a_late_word_of_a_fault_names_the_days_it_changes(gold):
    rows = [gold.hour(n, 5.0) for n in range(96)]
    days = [MONDAY + timedelta(days=n) for n in range(4)]
    nothing = gold.readings("pieces", [0.0], role="count").clear()
    standing = gold.episodes((10, None))
    stored = kpi_hourly(gold.hours(*rows), nothing, standing, WATCHED, days)
    assert contradicted(stored, standing) == []
    assert contradicted(stored, gold.episodes((10, 30))) == days[1:]
    assert contradicted(stored, gold.episodes()) == days
    assert contradicted(stored.clear(), standing) == []
