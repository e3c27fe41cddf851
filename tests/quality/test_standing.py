"""Results of checks go after a year, but for those that still hold a day back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lake.store import Lake, TenantLake
from lake.tables.ops import ACCEPTANCES, CHECK_RESULTS
from lake.upkeep import expire, optimize
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, record
from quality.standing import failures, still_needed

KPIS = "gold.kpi_daily"
MONDAY, TUESDAY = date(2023, 3, 6), date(2023, 3, 7)
TODAY = datetime.now(UTC)


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("gate-co")


def ran(lake: TenantLake, days_ago: int, day: date, *, passed: bool) -> None:
    outcome = Outcome("keys_are_unique", passed, Severity.ERROR, "2 of 9 rows break it", "no two rows alike")
    record(lake, KPIS, [outcome], Occasion((day,), f"run-{days_ago}", TODAY - timedelta(days=days_ago)))


def kept(lake: TenantLake) -> list[str]:
    return sorted(lake.scan(CHECK_RESULTS).collect()["run_id"])


def test_results_of_a_year_stay_and_older_ones_go(lake: TenantLake) -> None:
    for days_ago in (900, 366, 364, 0):
        ran(lake, days_ago, MONDAY, passed=True)
    before = lake.version(CHECK_RESULTS)
    (done,) = optimize(lake, [CHECK_RESULTS], rest_s=0, needed=still_needed(lake))
    assert (done.expired, done.idle) == (2, False)
    assert "2 days of rows dropped" in done.words
    assert kept(lake) == ["run-0", "run-364"]
    assert lake.scan(CHECK_RESULTS, version=before).collect().height == 4
    assert expire(lake, CHECK_RESULTS, TODAY.date()) == 0


def test_what_stands_failed_is_not_forgotten_and_does_not_come_back(lake: TenantLake) -> None:
    ran(lake, 900, MONDAY, passed=False)
    ran(lake, 800, MONDAY, passed=True)
    ran(lake, 700, TUESDAY, passed=False)
    ran(lake, 600, MONDAY, passed=True)
    assert still_needed(lake) == {CHECK_RESULTS: (TODAY - timedelta(days=700)).date()}
    list(optimize(lake, [CHECK_RESULTS], rest_s=0, needed=still_needed(lake)))
    assert kept(lake) == ["run-600", "run-700"]
    assert failures(lake)["day"].to_list() == [TUESDAY]
    ran(lake, 1, TUESDAY, passed=True)
    assert still_needed(lake) == {}
    list(optimize(lake, [CHECK_RESULTS], rest_s=0, needed=still_needed(lake)))
    assert kept(lake) == ["run-1"]
    assert failures(lake).is_empty()


def test_a_table_that_keeps_its_rows_for_good_loses_none(lake: TenantLake) -> None:
    assert ACCEPTANCES.retention_days is None
    assert expire(lake, ACCEPTANCES, date.max) == 0
