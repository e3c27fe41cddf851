"""The monitor's tools on a small plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from core.sdk import ToolContext, ToolResult
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeLake, tool_context
from modules.scada_monitor import service

Check = Callable[[ToolResult], None]


async def test_the_site_is_described(context: ToolContext, plant: SamplePlant, assert_evidenced: Check) -> None:
    result = await service.describe_site(context)
    machines = [row for row in result.rows if row["kind"] == "equipment"]
    assert [row["equipment_id"] for row in machines] == ["pump-1", "pump-2", "pump-3"]
    assert {(row["first_day"], row["last_day"]) for row in machines} == {(plant.first, plant.last)}
    signals = {(row["signal"], row["unit"]) for row in result.rows if row["kind"] == "signal"}
    assert signals == {("flow", "l/min"), ("motor_current", "A"), ("bearing_temperature", "degC")}
    assert {row["fault_code"] for row in result.rows if row["kind"] == "fault_code"} == {"SEAL_LEAK", "BEARING_HOT"}
    assert_evidenced(result)


async def test_an_empty_lake_is_described_as_empty() -> None:
    result = await service.describe_site(tool_context(lake=FakeLake({})))
    assert (result.found, result.findings) == (False, ["No equipment has data yet."])


async def test_history_by_day_and_by_hour(context: ToolContext, assert_evidenced: Check) -> None:
    day = date(2023, 5, 11)
    long = await service.sensor_history(context, "pump-1", "bearing_temperature", date(2023, 5, 1), day)
    assert (len(long.rows), long.rows[0]["highest_at"].date()) == (1 + 11, day)
    assert_evidenced(long)
    short = await service.sensor_history(context, "pump-1", "bearing_temperature", day, day)
    assert len(short.rows) == 1 + 4
    assert short.rows[0]["lowest"] <= short.rows[0]["mean"] <= short.rows[0]["highest"]
    assert_evidenced(short)


async def test_a_window_without_data_names_the_days_that_have_some(context: ToolContext, plant: SamplePlant) -> None:
    result = await service.sensor_history(context, "pump-1", "flow", date(2022, 1, 1), date(2022, 1, 2))
    assert not result.found
    assert str(plant.first) in result.findings[0] and str(plant.last) in result.findings[0]
    unknown = await service.sensor_history(context, "pump-1", "colour", None, None)
    assert unknown.findings == ["There is no signal colour of pump-1."]


async def test_extremes_find_the_days_of_the_leak(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.signal_extremes(context, "bearing_temperature", "highest", "pump-1", None, None, None, 2)
    assert {row["date"] for row in result.rows} == {date(2023, 4, 6), date(2023, 5, 11)}
    lowest = await service.signal_extremes(context, "bearing_temperature", "lowest", "pump-1", None, None, None, 1)
    assert lowest.rows[0]["value"] < result.rows[0]["value"]
    assert_evidenced(result)


async def test_episodes_overlapping_a_window(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.fault_episodes(context, "pump-1", None, None, date(2023, 4, 1), date(2023, 4, 30))
    assert len(result.findings) == 2 and "2023-04-06 09:30" in result.findings[1] and "7.5 h" in result.findings[1]
    assert_evidenced(result)
    standing = await service.fault_episodes(context, None, None, "BEARING_HOT", date(2023, 5, 30), None)
    assert [row["equipment_id"] for row in standing.rows if "open_episodes" in row] == ["pump-2"]


async def test_no_episode_in_a_window_says_when_there_were_some(context: ToolContext) -> None:
    result = await service.fault_episodes(context, "pump-1", None, None, date(2023, 4, 20), date(2023, 4, 21))
    assert not result.found
    assert "2023-04-06" in result.findings[0] and "2023-05-11" in result.findings[0]


async def test_events_as_they_came(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.fault_events(context, "pump-1", None, None, None, 3)
    assert [row["state"] for row in result.rows] == ["raised", "cleared", "raised"]
    assert result.truncated
    assert_evidenced(result)
