"""Which days of which assets follow from touched days of bronze."""

from __future__ import annotations

from datetime import date, timedelta

from orchestration.rebuild import affected_days, contiguous, reaches, stages

MONDAY = date(2024, 3, 4)
WEEK = [MONDAY + timedelta(days=n) for n in range(7)]
READINGS, HOURLY, KPI, HEALTH = ("silver", "readings"), ("silver", "hourly"), ("gold", "kpi"), ("gold", "health")
UPSTREAM = {READINGS: [("bronze", "readings")], HOURLY: [READINGS], KPI: [HOURLY, READINGS], HEALTH: [HOURLY]}


def test_lookbacks_add_up_along_the_lineage():
    assert reaches(UPSTREAM, {HOURLY: 1, KPI: 30}) == {READINGS: 0, HOURLY: 1, KPI: 31, HEALTH: 1}


def test_a_touched_day_reaches_forward_as_far_as_there_is_data():
    assert affected_days([WEEK[1]], 2, WEEK) == WEEK[1:4]
    assert affected_days([WEEK[5]], 30, WEEK) == WEEK[5:]
    assert affected_days([WEEK[1]], 2, [WEEK[0], WEEK[3]]) == [WEEK[1], WEEK[3]]


def test_a_touched_day_without_data_is_built_as_well():
    assert affected_days([WEEK[6]], 0, WEEK[:3]) == [WEEK[6]]


def test_runs_of_days():
    assert contiguous([WEEK[4], WEEK[0], WEEK[1], WEEK[6], WEEK[5]]) == [(WEEK[0], WEEK[1]), (WEEK[4], WEEK[6])]


def test_new_days_at_the_end_are_one_stage_for_all():
    found = stages(WEEK, WEEK, reaches(UPSTREAM, {HOURLY: 1, KPI: 30}))
    assert [stage.ranges for stage in found] == [((MONDAY, WEEK[6]),)]
    assert set(found[0].keys) == set(UPSTREAM)


def test_a_late_day_rebuilds_each_table_exactly_as_far_as_it_looks_back():
    found = stages([WEEK[1]], WEEK, reaches(UPSTREAM, {HOURLY: 1, KPI: 30}))
    assert [(stage.keys, stage.ranges) for stage in found] == [
        ((READINGS,), ((WEEK[1], WEEK[1]),)),
        ((HEALTH, HOURLY), ((WEEK[1], WEEK[2]),)),
        ((KPI,), ((WEEK[1], WEEK[6]),)),
    ]
