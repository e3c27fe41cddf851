"""What may be published: nothing of a day on which a blocking check stands failed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.serving.gate import require_met
from core.errors import TerminalError
from lake.store import Lake, TenantLake
from lake.tables.ops import CHECK_RESULTS
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, record
from quality.standing import failures, standing

MONDAY = date(2024, 3, 4)
KPIS = "gold.kpi_daily"
WEEK = tuple(MONDAY + timedelta(days=n) for n in range(7))


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("gate-co")


def ran(
    lake: TenantLake,
    hour: int,
    days: tuple[date, ...],
    *,
    passed: bool,
    severity: Severity = Severity.ERROR,
    broke: tuple[date, ...] = (),
) -> None:
    outcome = Outcome(
        "keys_are_unique", passed, severity, "2 of 9 rows break it", "no two rows alike", days=frozenset(broke)
    )
    record(lake, KPIS, [outcome], Occasion(days, "run", datetime(2024, 4, 1, hour, tzinfo=UTC)))


def stands(lake: TenantLake, table: str = KPIS) -> list[date]:
    """Days on which something of a table stands failed."""
    return failures(lake, [table])["day"].to_list()


def test_what_was_never_checked_or_only_warned_may_be_published(lake: TenantLake) -> None:
    assert stands(lake) == []
    ran(lake, 1, WEEK, passed=False, severity=Severity.WARN)
    assert stands(lake) == []
    require_met(failures(lake, [KPIS]), WEEK)


def test_a_day_that_failed_is_refused_until_it_passes_whatever_passes_elsewhere(lake: TenantLake) -> None:
    ran(lake, 1, WEEK[:3], passed=False)
    ran(lake, 2, WEEK[2:5], passed=True)
    assert stands(lake) == [*WEEK[:2]]
    with pytest.raises(TerminalError) as refused:
        require_met(failures(lake, [KPIS]), WEEK)
    text = str(refused.value)
    assert "keys_are_unique on 2024-03-04: 2 of 9 rows break it" in text
    assert "2024-03-06" not in text
    assert "build these days of the table again" in text
    require_met(failures(lake, [KPIS]), WEEK[2:])
    assert stands(lake, "gold.health_daily") == []
    ran(lake, 3, WEEK[:2], passed=True)
    assert stands(lake) == []


def test_of_a_run_over_many_days_only_those_that_broke_the_check_are_refused(lake: TenantLake) -> None:
    ran(lake, 1, WEEK, passed=False, broke=(WEEK[2], WEEK[5]))
    assert stands(lake) == [WEEK[2], WEEK[5]]
    # What a later run over the same days does not blame again is good.
    ran(lake, 2, WEEK[:4], passed=False, broke=(WEEK[0],))
    assert stands(lake) == [WEEK[0], WEEK[5]]
    # A blame that reaches beyond what was checked says nothing about which of the days it is.
    ran(lake, 3, WEEK[5:], passed=False, broke=(WEEK[0], WEEK[6]))
    assert stands(lake) == [WEEK[0], *WEEK[5:]]


def test_results_of_before_days_were_named_blame_every_day(lake: TenantLake) -> None:
    ran(lake, 1, WEEK[:2], passed=False, broke=(WEEK[0],))
    before = lake.scan(CHECK_RESULTS).collect().with_columns(failed_days=pl.lit(None, pl.List(pl.Date)))
    assert standing(before, WEEK)["day"].to_list() == [*WEEK[:2]]
