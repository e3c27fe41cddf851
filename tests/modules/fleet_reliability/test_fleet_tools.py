"""The fleet's tools on a small plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from core.errors import InputError
from core.sdk import ToolContext, ToolResult
from core.sdk.testing import FakeLake, tool_context
from modules.fleet_reliability import incidents, service

Check = Callable[[ToolResult], None]


async def test_ranking_by_life_first_then_by_anomaly(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.rank_equipment(context, None, None, None, 5)
    assert [row["equipment_id"] for row in result.rows] == ["pump-2", "pump-1", "pump-3"]
    assert "90 % interval" in result.findings[0] and "anomaly score" in result.findings[2]
    assert_evidenced(result)
    one = await service.rank_equipment(context, ["pump-1"], None, None, 5)
    assert [row["equipment_id"] for row in one.rows] == ["pump-1"]


async def test_ranking_by_anomaly_only(context: ToolContext) -> None:
    result = await service.rank_equipment(context, None, None, "anomaly", 1)
    assert result.rows[0]["equipment_id"] == "pump-2"


async def test_what_happened_in_a_period(context: ToolContext, assert_evidenced: Check) -> None:
    result = await incidents.what_happened(context, "pump-1", date(2023, 4, 1), date(2023, 4, 10))
    said = " ".join(result.findings)
    assert "SEAL_LEAK" in said and "2023-04-06" in said and "6 spreads above" in said
    assert "2023-05" not in said
    assert_evidenced(result)


async def test_a_period_without_data_names_the_days_that_have_some(context: ToolContext) -> None:
    result = await incidents.what_happened(context, "pump-1", date(2021, 4, 1), date(2021, 4, 10))
    assert not result.found
    assert "2023-04-01 to 2023-05-30" in result.findings[0]


async def test_it_happened_before(context: ToolContext, assert_evidenced: Check) -> None:
    again = await incidents.similar_incidents(context, "pump-1", None, None, date(2023, 5, 8), date(2023, 5, 14))
    assert again.findings[0].startswith("Yes, SEAL_LEAK was raised before 2023-05-11")
    assert "2023-04-06 09:30" in again.findings[1]
    assert_evidenced(again)


async def test_it_never_happened_before(context: ToolContext) -> None:
    first = await incidents.similar_incidents(context, "pump-1", None, None, date(2023, 4, 1), date(2023, 4, 10))
    assert first.findings[0].startswith("No, SEAL_LEAK was never raised before 2023-04-06")


async def test_a_description_finds_its_like(context: ToolContext, assert_evidenced: Check) -> None:
    result = await incidents.similar_incidents(context, None, None, "water drips at the shaft seal", None, None)
    assert result.rows[0]["fault_code"] == "SEAL_LEAK"
    assert_evidenced(result)


async def test_neither_machine_nor_description_is_an_error(context: ToolContext) -> None:
    with pytest.raises(InputError):
        await incidents.similar_incidents(context, None, None, None, None, None)


async def test_key_figures(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.kpi_summary(context, "fault_count", ["pump-1"], None, None, None, 20)
    assert result.rows[0]["value"] == 2
    assert_evidenced(result)
    none = await service.kpi_summary(context, "oee", None, None, None, None, 20)
    assert not none.found and "availability from 2023-04-01 to 2023-05-30" in none.findings[0]


async def test_comparison(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.compare_equipment(context, ["pump-1", "pump-3"], None, None, None, 10)
    assert [row["equipment_id"] for row in result.rows] == ["pump-1", "pump-3"]
    assert "2 fault episodes" in result.findings[1] and "no fault episode" in result.findings[2]
    assert_evidenced(result)


async def test_an_empty_lake_has_no_ranking() -> None:
    result = await service.rank_equipment(tool_context(lake=FakeLake({})), None, None, None, 5)
    assert not result.found
