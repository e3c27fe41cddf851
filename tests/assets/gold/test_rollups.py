"""Figures over several machines, each against one worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.gold.rollups import fault_pareto, site_daily

MONDAY = date(2024, 3, 4)


def faults(gold, **codes: list[tuple[float, float | None]]) -> pl.DataFrame:
    """Episodes by code, as (raised, cleared) in hours since Monday."""
    return pl.concat(
        gold.episodes(*spans).with_columns(
            fault_code=pl.lit(code), severity=pl.lit(80, dtype=pl.Int32), equipment_type=pl.lit("press")
        )
        for code, spans in codes.items()
    )


def found(rows: pl.DataFrame, day: date) -> list[tuple[object, ...]]:
    columns = ["fault_code", "rank", "episodes", "hours", "share", "cumulative"]
    return rows.filter(pl.col("date") == day).sort("rank").select(columns).rows()


def test_the_longest_comes_first_and_shares_add_up(gold):
    rows = fault_pareto(
        faults(gold, JAM=[(0, 1), (2, 3)], HEAT=[(4, 10)], SEAL=[(11, 12), (13, 13.5), (14, 14.5)]), [MONDAY]
    )
    assert found(rows, MONDAY) == [
        ("HEAT", 1, 1, 6.0, pytest.approx(0.6), pytest.approx(0.6)),
        ("SEAL", 2, 3, 2.0, pytest.approx(0.2), pytest.approx(0.8)),
        ("JAM", 3, 2, 2.0, pytest.approx(0.2), pytest.approx(1.0)),
    ]
    assert rows.sort("rank")["episode_share"].to_list() == pytest.approx([1 / 6, 3 / 6, 2 / 6])


def test_a_standing_fault_counts_to_the_end_of_the_day_and_the_next(gold):
    days = [MONDAY, MONDAY + timedelta(days=1)]
    rows = fault_pareto(faults(gold, JAM=[(18, None)], HEAT=[(0, 30)]), days)
    assert found(rows, days[0]) == [
        ("HEAT", 1, 1, 24.0, pytest.approx(0.8), pytest.approx(0.8)),
        ("JAM", 2, 1, 6.0, pytest.approx(0.2), pytest.approx(1.0)),
    ]
    assert [row[3] for row in found(rows, days[1])] == [30.0, 30.0]


def test_a_fault_is_left_behind_after_thirty_days_and_a_day_alone_is_the_same(gold):
    days = [MONDAY + timedelta(days=n) for n in range(32)]
    raised = faults(gold, JAM=[(0, 1)])
    assert set(fault_pareto(raised, days)["date"]) == set(days[:30])
    assert fault_pareto(raised, days[29:30]).equals(fault_pareto(raised, days).filter(pl.col("date") == days[29]))


def test_a_fault_that_stands_for_months_is_not_left_behind(gold):
    days = [MONDAY + timedelta(days=n) for n in range(80)]
    rows = fault_pareto(faults(gold, JAM=[(12, None)], HEAT=[(12, 40 * 24 + 6)]), days)
    assert [row[0:4] for row in found(rows, days[35])] == [("HEAT", 1, 1, 720.0), ("JAM", 2, 1, 720.0)]
    # Of the thirty days to the 50th: those before the 40th, and six hours of it.
    assert [row[0:4] for row in found(rows, days[50])] == [("JAM", 1, 1, 720.0), ("HEAT", 2, 1, 19 * 24 + 6.0)]
    assert [row[0:4] for row in found(rows, days[70])] == [("JAM", 1, 1, 720.0)]
    alone = fault_pareto(faults(gold, JAM=[(12, None)], HEAT=[(12, 40 * 24 + 6)]), days[50:51])
    assert alone.equals(rows.filter(pl.col("date") == days[50]))


def test_faults_that_clear_at_once_have_no_share(gold):
    assert fault_pareto(faults(gold, JAM=[(1, 1)]), [MONDAY]).select("share", "cumulative").rows() == [(0.0, 0.0)]


def test_a_site_sums_what_adds_up_and_weighs_the_rest():
    figures = {
        "throughput": [(100.0, 24), (50.0, 24)],
        "availability": [(90.0, 1), (100.0, 0)],
        "operating_time": [(30.0, 3), (50.0, 1), (400.0, 0)],
        "mtbf": [(10.0, 3), (50.0, 1)],  # the third has not failed, and has none of its own
        "mttr": [(1.0, 3), (3.0, 1)],
    }
    rows = [
        ("plant", f"press-{n}", "press", kpi, value, "u", samples, MONDAY)
        for kpi, machines in figures.items()
        for n, (value, samples) in enumerate(machines)
    ]
    names = ["site", "equipment_id", "equipment_type", "kpi", "value", "unit", "samples", "date"]
    found = {row["kpi"]: row for row in site_daily(pl.DataFrame(rows, schema=names, orient="row"), [MONDAY]).to_dicts()}
    assert {kpi: row["value"] for kpi, row in found.items()} == {
        "throughput": 150.0,
        "availability": 95.0,
        "operating_time": 480.0,
        "mtbf": 120.0,
        "mttr": 1.5,
    }
    assert (found["mtbf"]["lowest"], found["mtbf"]["highest"], found["mtbf"]["machines"]) == (10.0, 50.0, 3)


def test_machines_that_ended_or_are_silent_stay_in_what_runs_over_lives():
    tuesday, wednesday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
    lives = [
        ("engine-1", "operating_time", [(MONDAY, 10.0, 0), (tuesday, 20.0, 1)]),  # ends
        ("engine-1", "mtbf", [(tuesday, 20.0, 1)]),
        ("engine-1", "mttr", [(tuesday, 6.0, 1)]),
        ("engine-2", "operating_time", [(MONDAY, 5.0, 0), (wednesday, 40.0, 2)]),  # is silent on Tuesday
        ("engine-2", "mtbf", [(wednesday, 20.0, 2)]),
        ("engine-2", "mttr", [(wednesday, 3.0, 2)]),
        ("engine-3", "operating_time", [(tuesday, 24.0, 0), (wednesday, 30.0, 0)]),  # comes later, never fails
    ]
    rows = [
        ("plant", machine, "engine", kpi, value, "hour", samples, day)
        for machine, kpi, days in lives
        for day, value, samples in days
    ]
    names = ["site", "equipment_id", "equipment_type", "kpi", "value", "unit", "samples", "date"]
    kpis = pl.DataFrame(rows, schema=names, orient="row")
    days = [MONDAY, tuesday, wednesday]
    found = {
        (row["kpi"], row["date"]): (pytest.approx(row["value"]), row["machines"])
        for row in site_daily(kpis, days).to_dicts()
    }
    assert ("mtbf", MONDAY) not in found
    assert found["mtbf", tuesday] == (20.0 + 5.0 + 24.0, 3)
    assert found["mtbf", wednesday] == ((20.0 + 40.0 + 30.0) / 3, 3)
    assert found["mttr", wednesday] == ((6.0 + 2 * 3.0) / 3, 2)
    alone = site_daily(kpis, [wednesday])
    assert alone.equals(site_daily(kpis, days).filter(pl.col("date") == wednesday))
