"""Key figures, each against a figure worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.gold.kpi_daily import kpi_daily

MONDAY = date(2024, 3, 4)
TUESDAY = MONDAY + timedelta(days=1)
WATCHED = pl.DataFrame({"site": ["plant"], "equipment_id": ["press-1"]})
NOBODY = WATCHED.clear()


@pytest.fixture
def figures(gold):
    """`{(kpi, day): value}` for Monday and Tuesday."""

    def compute(hours, counters=None, spans=(), watched=WATCHED, days=(MONDAY, TUESDAY)):
        counted = gold.readings("pieces", [0.0], role="count").clear() if counters is None else counters
        found = kpi_daily(gold.hours(*hours), counted, gold.episodes(*spans), watched, days)
        return {(row["kpi"], row["date"]): row["value"] for row in found.to_dicts()}

    return compute


def test_utilisation_is_weighted_by_time(gold, figures):
    hours = [gold.hour(0, 1.0, "running"), gold.hour(1, 0.0, "running", observed_s=1200.0)]
    assert figures(hours)["utilisation", MONDAY] == pytest.approx(75.0)


def test_a_counter_gains_over_midnight_and_over_its_own_restart(gold, figures):
    shown = [10.0 * n for n in range(24)] + [5.0, 15.0, 15.0, 25.0]
    found = figures([gold.hour(n, 1.0, "running") for n in range(26)], gold.readings("pieces", shown, role="count"))
    assert found["throughput", MONDAY] == 230.0
    assert found["throughput", TUESDAY] == 25.0
    assert found["cycle_time", TUESDAY] == pytest.approx(7200 / 25)


@pytest.mark.parametrize(
    ("last", "first", "monday", "tuesday"),
    [
        pytest.param(3.0, 240.0, 220.0, 20.0 + 230.0, id="misread low in the last sample"),
        pytest.param(230.0, 3.0, 230.0, 10.0 * 24 - 230.0 + 10.0 + 230.0 - 10.0, id="misread low in the first"),
        pytest.param(230.0, 2.0**63, 230.0, 240.0, id="misread high in the first"),
    ],
)
def test_a_counter_misread_around_midnight_gains_what_it_did(gold, figures, last, first, monday, tuesday):
    shown = [10.0 * n for n in range(48)]
    shown[23:25] = [last, first]
    counters = gold.readings("pieces", shown, role="count")
    hours = [gold.hour(n, 1.0, "running") for n in range(48)]
    on_monday = counters.filter(pl.col("date") == MONDAY)
    assert figures(hours, on_monday, days=[MONDAY])["throughput", MONDAY] == monday
    assert figures(hours, counters, days=[TUESDAY])["throughput", TUESDAY] == tuesday
    assert figures(hours, counters)["throughput", MONDAY] == monday


def test_a_restart_in_the_last_samples_of_a_day_counts_once_it_is_sure(gold, figures):
    shown = [100.0 * n for n in range(23)] + [10.0] + [10.0 + 10 * n for n in range(24)]
    counters = gold.readings("pieces", shown, role="count")
    found = figures([gold.hour(n, 1.0, "running") for n in range(48)], counters)
    assert (found["throughput", MONDAY], found["throughput", TUESDAY]) == (2200.0, 10.0 + 230.0)


def test_a_speed_in_another_unit_is_not_held_against_todays(gold, figures):
    counters = pl.concat([gold.readings(role, [10.0 * n for n in range(48)], role=role) for role in ("count", "good")])
    hours = [gold.hour(n, 1.0, "running") for n in range(48)]
    hours += [gold.hour(n, 600.0 if n < 24 else 10.0, "speed", unit="rpm" if n < 24 else "Hz") for n in range(48)]
    found = figures(hours, counters)
    assert found["oee", TUESDAY] == pytest.approx(100.0)


def test_an_exchanged_counter_gains_nothing_in_that_moment(gold, figures):
    shown = [100.0 + 10.0 * n for n in range(12)] + [60.0 + 10.0 * n for n in range(12)]
    found = figures([gold.hour(n, 1.0, "running") for n in range(24)], gold.readings("pieces", shown, role="count"))
    assert found["throughput", MONDAY] == 220.0


def test_overlapping_faults_stop_a_machine_once(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(24)], spans=[(2, 6), (4, 8)])
    assert found["availability", MONDAY] == pytest.approx(100 * 18 / 24)
    assert found["fault_count", MONDAY] == 2.0
    assert found["mttr", MONDAY] == pytest.approx(4.0)


def test_a_fault_while_nothing_is_heard_takes_nothing_of_the_time_observed(gold, figures):
    heard = [gold.hour(n, 5.0) for n in range(12)]
    assert figures(heard, spans=[(14, 20)])["availability", MONDAY] == 100.0
    assert figures(heard, spans=[(9, 20)])["availability", MONDAY] == pytest.approx(100 * 9 / 12)
    assert figures([*heard, gold.hour(12, 5.0, observed_s=900.0)], spans=[(12, 20)])["availability", MONDAY] == (
        pytest.approx(100 * 12 / 12.25)
    )


def test_a_fault_on_a_day_without_a_reading_is_counted(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(24)], spans=[(30, 31), (32, None)])
    assert (found["fault_count", MONDAY], found["fault_count", TUESDAY]) == (0.0, 2.0)
    assert (found["mtbf", TUESDAY], found["mttr", TUESDAY]) == (pytest.approx(12.0), pytest.approx(1.0))
    assert ("availability", TUESDAY) not in found


def test_a_machine_that_stands_for_days_and_says_so_once_does_not_operate(gold, figures):
    hours = [gold.hour(n, 5.0) for n in range(48)] + [gold.hour(n, float(n < 10), "running") for n in range(24)]
    found = figures(hours, spans=[(5, 6)])
    assert (found["operating_time", MONDAY], found["operating_time", TUESDAY]) == (10.0, 10.0)
    assert found["mtbf", TUESDAY] == 10.0
    assert figures(hours[:48])["operating_time", TUESDAY] == 48.0


def test_an_open_fault_reaches_the_end_of_the_day_and_the_next(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(48)], spans=[(18, None)])
    assert found["availability", MONDAY] == pytest.approx(75.0)
    assert found["availability", TUESDAY] == 0.0
    assert ("mttr", TUESDAY) not in found


def test_time_between_failures_counts_running_time_since_the_first_day(gold, figures):
    hours = [gold.hour(n, 0.5, "running") for n in range(48)]
    found = figures(hours, spans=[(30, 31), (40, 41)])
    assert ("mtbf", MONDAY) not in found
    assert (found["operating_time", MONDAY], found["operating_time", TUESDAY]) == (12.0, 24.0)
    assert found["mtbf", TUESDAY] == pytest.approx(12.0)


def test_a_machine_nobody_watches_has_no_availability(gold, figures):
    found = figures([gold.hour(n, 5.0) for n in range(24)], watched=NOBODY)
    assert not {kpi for kpi, _ in found} & {"availability", "fault_count", "operating_time", "mtbf"}


def test_oee_is_availability_times_performance_times_quality(gold, figures):
    hours = [gold.hour(n, 1.0, "running") for n in range(24)]
    hours += [gold.hour(n, 50.0 if n < 12 else 100.0, "speed") for n in range(24)]
    counters = pl.concat(
        [
            gold.readings("pieces", [10.0 * n for n in range(24)], role="count"),
            gold.readings("good", [9.0 * n for n in range(24)], role="good"),
        ]
    )
    found = figures(hours, counters, spans=[(0, 6)])
    assert found["oee", MONDAY] == pytest.approx(100 * 0.75 * 0.75 * 0.9)


def test_a_day_alone_equals_the_day_in_a_range(gold, figures):
    hours = [gold.hour(n, (n % 5) / 4, "running") for n in range(48)]
    counters = gold.readings("pieces", [3.0 * n for n in range(48)], role="count")
    both = figures(hours, counters, spans=[(3, 5), (27, 40)])
    alone = figures(hours, counters, spans=[(3, 5), (27, 40)], days=[TUESDAY])
    assert alone == {key: value for key, value in both.items() if key[1] == TUESDAY}
    assert len(alone) == 8
