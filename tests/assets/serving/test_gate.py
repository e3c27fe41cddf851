"""What may be published: nothing of a day on which a blocking check stands failed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.serving.gate import require_met
from core.errors import TerminalError
from lake.store import Lake, TenantLake
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, record

MONDAY = date(2024, 3, 4)
WEEK = tuple(MONDAY + timedelta(days=n) for n in range(7))


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("gate-co")


def ran(
    lake: TenantLake, hour: int, days: tuple[date, ...], *, passed: bool, severity: Severity = Severity.ERROR
) -> None:
    outcome = Outcome("keys_are_unique", passed, severity, "2 of 9 rows break it", "no two rows alike")
    record(lake, "gold.kpi_daily", [outcome], Occasion(days, "run", datetime(2024, 4, 1, hour, tzinfo=UTC)))


def test_what_was_never_checked_or_only_warned_may_be_published(lake: TenantLake) -> None:
    require_met(lake, "gold.kpi_daily", WEEK)
    ran(lake, 1, WEEK, passed=False, severity=Severity.WARN)
    require_met(lake, "gold.kpi_daily", WEEK)
    require_met(lake, "gold.kpi_daily", ())


def test_a_day_that_failed_is_refused_until_it_passes_whatever_passes_elsewhere(lake: TenantLake) -> None:
    ran(lake, 1, WEEK[:3], passed=False)
    ran(lake, 2, WEEK[2:5], passed=True)
    with pytest.raises(TerminalError) as refused:
        require_met(lake, "gold.kpi_daily", WEEK)
    text = str(refused.value)
    assert "keys_are_unique on 2024-03-04: 2 of 9 rows break it" in text
    assert "2024-03-06" not in text
    assert "build these days of the table again" in text
    require_met(lake, "gold.kpi_daily", WEEK[2:])
    require_met(lake, "gold.health_daily", WEEK)
    ran(lake, 3, WEEK[:2], passed=True)
    require_met(lake, "gold.kpi_daily", WEEK)
