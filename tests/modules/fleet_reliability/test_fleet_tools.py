"""The fleet's tools on a small plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pytest

from core.errors import InputError
from core.sdk import ToolContext, ToolResult
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeLake, tool_context
from modules.fleet_reliability import incidents, service

Check = Callable[[ToolResult], None]


async def test_ranking_by_life_first_then_by_anomaly(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.rank_equipment(context, None, None, None, 5)
    assert [row["equipment_id"] for row in result.rows] == ["pump-2", "pump-1", "pump-3"]
    assert result.findings[0] == "Look first at pump-2, pump-1 and pump-3."
    assert "90 % interval" in result.findings[1] and "anomaly score" in result.findings[3]
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
    assert again.findings[0].startswith("Yes, SEAL_LEAK was raised once on pump-1 before 2023-05-11")
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
    together, *machines = result.rows
    assert together["machines"] == 2 and together["episodes"] == 2
    assert [row["equipment_id"] for row in machines] == ["pump-1", "pump-3"]
    assert result.findings[0].startswith("2 machines in all recorded data (60 days with data): mean anomaly score")
    assert "2 fault episodes" in result.findings[2] and "no fault raised" in result.findings[3]
    assert result.figure is not None and result.figure.value == together["mean_anomaly_score"]
    assert_evidenced(result)


async def test_a_comparison_without_data_says_where_there_is_some(
    context: ToolContext, assert_evidenced: Check
) -> None:
    result = await service.compare_equipment(context, None, None, date(2023, 9, 1), date(2023, 9, 30), 10)
    assert not result.found and result.figure is None
    assert result.findings == [
        "There is nothing to compare from 2023-09-01 to 2023-09-30. The data runs from 2023-04-01 to 2023-05-30."
    ]
    assert_evidenced(result)


async def test_what_drives_the_remaining_life_is_part_of_what_happened(
    context: ToolContext, assert_evidenced: Check
) -> None:
    result = await incidents.what_happened(context, "pump-2", None, None)
    assert "90 % interval" in result.findings[-1]
    assert result.findings[-1].endswith("bearing temperature rising.")
    assert_evidenced(result)
    without = await incidents.what_happened(context, "pump-3", None, None)
    assert not any("interval" in finding for finding in without.findings)


async def test_faults_of_several_machines_are_added_up(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.kpi_summary(context, "fault_count", None, None, None, None, 20)
    assert result.findings[0] == "Number of faults in all recorded data: 2 in total, on 1 of 3 machines."
    assert len(result.findings) == 2 and "of pump-1" in result.findings[1]
    assert_evidenced(result)
    assert not (await service.kpi_summary(context, "fault_count", None, None, None, None, 2)).truncated
    assert (await service.kpi_summary(context, "fault_count", None, None, None, None, 1)).truncated


async def test_a_life_held_against_a_limit_is_told_to_a_tenth(context: ToolContext) -> None:
    left = (await service.rank_equipment(context, ["pump-2"], None, None, None)).rows[0]["life_median"]
    result = await service.rank_equipment(context, None, None, None, None, below=left + 0.1)
    assert f"pump-2 has about {left:.1f} cycles left" in result.findings[1]


async def test_an_empty_lake_has_no_ranking() -> None:
    result = await service.rank_equipment(tool_context(lake=FakeLake({})), None, None, None, 5)
    assert not result.found


async def test_the_other_end_of_the_ranking(context: ToolContext) -> None:
    result = await service.rank_equipment(context, None, None, "remaining_life", 1, "best")
    assert result.rows[0]["equipment_id"] == "pump-1"


async def test_a_limit_of_life(context: ToolContext, assert_evidenced: Check) -> None:
    short = await service.rank_equipment(context, None, None, None, None, below=150)
    assert short.findings[0] == "1 machine with less than 150 cycles left, shortest first:"
    assert [row["equipment_id"] for row in short.rows] == ["pump-2"]
    assert_evidenced(short)
    long = await service.rank_equipment(context, None, None, None, None, above=150)
    assert [row["equipment_id"] for row in long.rows] == ["pump-1"]
    none = await service.rank_equipment(context, None, None, None, None, below=1)
    assert none.findings == ["No machine is estimated to have less than 1 left."]


async def test_life_is_told_in_whole_cycles(context: ToolContext) -> None:
    result = await service.rank_equipment(context, ["pump-2"], None, None, None)
    assert "pump-2 has about 141 cycles left (90 % interval 99 to 197)" in result.findings[0]
    assert result.findings[1].startswith("BEARING_HOT (warning) is open on pump-2 since 2023-05-16 09:30 UTC")


async def test_a_machine_without_a_life_model_is_told_so(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.rank_equipment(context, ["pump-3"], None, None, None)
    assert result.findings[0] == "pump-3 has no estimate of its remaining life and no open fault."
    assert_evidenced(result)


async def test_what_happened_on_the_site(context: ToolContext, assert_evidenced: Check) -> None:
    day = date(2023, 5, 16)
    result = await incidents.what_happened(context, None, day, day)
    assert result.findings[0] == "Raised on 2023-05-16: BEARING_HOT (warning) once, newest first:"
    assert result.findings[-1].startswith("Highest anomaly scores (zero is its baseline, one the farthest): pump-2 (")
    assert_evidenced(result)
    later = await incidents.what_happened(context, None, date(2023, 5, 20), date(2023, 5, 21))
    assert "Raised earlier and still standing then: BEARING_HOT (1)." in later.findings


async def test_a_standing_fault_says_nothing_about_days_without_data(context: ToolContext) -> None:
    result = await incidents.what_happened(context, None, date(2023, 7, 1), date(2023, 7, 2))
    assert not result.found
    assert result.findings[0].startswith("There is no data of any machine from 2023-07-01 to 2023-07-02.")


async def test_before_and_after_are_told_apart(context: ToolContext, assert_evidenced: Check) -> None:
    first = await incidents.similar_incidents(context, "pump-1", None, None, date(2023, 4, 6), date(2023, 4, 6))
    assert first.findings[:2] == [
        "No, SEAL_LEAK was never raised before 2023-04-06 09:30 UTC.",
        "After it: once more on pump-1, newest first, raised 2023-05-11 09:30 UTC.",
    ]
    assert first.happened is False
    assert_evidenced(first)


async def test_another_machine_is_not_this_one(assert_evidenced: Check) -> None:
    plant = SamplePlant()
    tables = plant.tables()
    rows = tables["silver.fault_episodes"].to_pylist()
    moved = [{**row, "equipment_id": "pump-3"} if row["raised_at"].month == 5 else row for row in rows]
    tables["silver.fault_episodes"] = pa.Table.from_pylist(moved, schema=tables["silver.fault_episodes"].schema)
    context = tool_context(lake=FakeLake(tables))
    result = await incidents.similar_incidents(context, "pump-3", "SEAL_LEAK", None, None, None)
    assert result.findings[:2] == [
        "Not on pump-3: SEAL_LEAK was never raised on it before 2023-05-11 09:30 UTC.",
        "Elsewhere before: once on 1 other machine, newest first: pump-1 (2023-04-06).",
    ]


async def test_mean_times_are_not_averaged_again(context: ToolContext) -> None:
    days = [
        {
            "equipment_id": "pump-1",
            "equipment_type": "p",
            "kpi": "mtbf",
            "value": float(v),
            "unit": "hour",
            "date": date(2023, 4, v),
        }
        for v in (3, 1, 2)
    ]
    own = tool_context(lake=FakeLake({"gold.kpi_daily": pa.Table.from_pylist(days)}))
    result = await service.kpi_summary(own, "mtbf", None, None, None, None, 20)
    assert result.findings == [
        "Mean time between failures of pump-1: 3 h of running time, over everything recorded until 2023-04-03."
    ]


async def test_ties_go_to_the_earliest_day_every_time(lake: FakeLake, context: ToolContext) -> None:
    result = await service.kpi_summary(context, "fault_count", ["pump-3"], None, None, None, 20)
    assert (result.rows[0]["lowest_day"], result.rows[0]["highest_day"]) == (date(2023, 4, 1), date(2023, 4, 1))
    (evidence,) = result.evidence
    assert [lake.rerun(evidence) for _ in range(5)] == [result.rows] * 5


@pytest.mark.parametrize(("order", "first"), [("highest", "pump-3"), ("lowest", "pump-1")])
async def test_either_end_of_a_key_figure(context: ToolContext, order: str, first: str) -> None:
    result = await service.kpi_summary(context, "utilisation", None, None, None, None, 1, order)
    assert result.rows[0]["equipment_id"] == first
