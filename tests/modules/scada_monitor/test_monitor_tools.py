"""The monitor's tools on a small plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pyarrow as pa

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
    assert "2023-04-06 09:30 to 17:00 UTC, 7.5 h" in result.findings[0]
    assert result.findings[1:] == ["SEAL_LEAK says: Seal leaks, look at the drain."]
    assert_evidenced(result)
    standing = await service.fault_episodes(context, None, None, "BEARING_HOT", date(2023, 5, 30), None)
    assert [row["equipment_id"] for row in standing.rows if "raised_at" in row] == ["pump-2"]


async def test_no_episode_in_a_window_says_when_there_were_some(context: ToolContext) -> None:
    result = await service.fault_episodes(context, "pump-1", None, None, date(2023, 4, 20), date(2023, 4, 21))
    assert not result.found
    assert "2023-04-06" in result.findings[0] and "2023-05-11" in result.findings[0]


async def test_events_as_they_came(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.fault_events(context, "pump-1", None, None, None, 3)
    assert [row["state"] for row in result.rows] == ["raised", "cleared", "raised"]
    assert result.truncated
    assert_evidenced(result)


async def test_only_open_episodes(context: ToolContext, assert_evidenced: Check) -> None:
    result = await service.fault_episodes(context, None, None, None, None, None, "open")
    assert (
        result.findings[0]
        == "pump-2 had one BEARING_HOT (warning) in all recorded data: since 2023-05-16 09:30 UTC, still open."
    )
    assert result.happened
    assert_evidenced(result)
    quiet = await service.fault_episodes(context, "pump-1", None, None, None, None, "open")
    assert quiet.happened is False
    assert quiet.findings[0].startswith("No open fault on pump-1 in all recorded data. 2 are recorded")


async def test_a_fault_that_stands_says_nothing_about_days_nobody_watched(
    context: ToolContext, assert_evidenced: Check
) -> None:
    result = await service.fault_episodes(context, "pump-2", None, None, date(2023, 7, 1), date(2023, 7, 2))
    assert (result.found, result.happened) == (False, None)
    assert result.findings[0].startswith("There is no data of pump-2 from 2023-07-01 to 2023-07-02.")
    assert_evidenced(result)


async def test_many_episodes_are_counted_and_told_machine_by_machine() -> None:
    lake = FakeLake({"silver.fault_episodes": many_episodes(machines=30), **_hours(30)})
    context = tool_context(lake=lake, module_code="SCADA_MONITOR", settings={"listed_rows": 40})
    result = await service.fault_episodes(context, None, None, None, None, None)
    assert sum("raised_at" in row for row in result.rows) == 40
    assert (
        result.findings[0]
        == "30 machines had JAM (warning), 90 times in all, in all recorded data, 30 still open, oldest first:"
    )
    assert (
        result.findings[1]
        == "press-01 since 2023-04-01 01:01 UTC, 3 times, the last from 2023-04-03 01:01 UTC, still open."
    )
    assert result.findings[-2] == "More machines had it than are listed here."


def many_episodes(machines: int) -> pa.Table:
    """Three episodes a machine, the last one open."""
    rows = [
        {
            "equipment_id": f"press-{number:02d}",
            "equipment_type": "press",
            "fault_code": "JAM",
            "level": "warning",
            "message": "Sheet jammed",
            "raised_at": datetime(2023, 4, day, 1, number, tzinfo=UTC),
            "cleared_at": None if day == 3 else datetime(2023, 4, day, 23, 30, tzinfo=UTC),
            "duration_s": None if day == 3 else 1800.0,
            "date": date(2023, 4, day),
        }
        for number in range(1, machines + 1)
        for day in (1, 2, 3)
    ]
    return pa.Table.from_pylist(rows)


def _hours(machines: int) -> dict[str, pa.Table]:
    rows = [
        {"equipment_id": f"press-{n:02d}", "equipment_type": "press", "date": date(2023, 4, d)}
        for n in range(1, machines + 1)
        for d in (1, 3)
    ]
    return {"silver.signal_hourly": pa.Table.from_pylist(rows)}


async def test_beyond_a_limit(context: ToolContext, plant: SamplePlant, assert_evidenced: Check) -> None:
    hours = plant.tables()["silver.signal_hourly"].to_pylist()
    hot = [
        row
        for row in hours
        if row["signal"] == "bearing_temperature" and row["equipment_id"] == "pump-1" and row["max"] > 63
    ]
    over = await service.sensor_history(context, "pump-1", "bearing_temperature", None, None, above=63.0)
    assert over.happened
    assert over.findings[0].startswith(f"Bearing temperature of pump-1 was above 63 degC in {len(hot)} hours on 2 days")
    assert_evidenced(over)
    never = await service.sensor_history(context, "pump-1", "bearing_temperature", None, None, above=200.0)
    assert never.happened is False
    assert never.findings[0] == "Bearing temperature of pump-1 was never above 200 degC in all recorded data."


async def test_a_trend_is_told_when_there_is_one(context: ToolContext, assert_evidenced: Check) -> None:
    rising = await service.sensor_history(context, "pump-2", "bearing_temperature", date(2023, 5, 8), None)
    assert any(line.startswith("Rising by 0.2") and line.endswith("degC a day on average.") for line in rising.findings)
    assert_evidenced(rising)
    flat = await service.sensor_history(context, "pump-3", "bearing_temperature", date(2023, 4, 2), date(2023, 4, 9))
    assert "No clear trend." in flat.findings


async def test_checks_of_the_data(assert_evidenced: Check) -> None:
    at = datetime(2023, 6, 1, tzinfo=UTC)
    rows = [
        {
            "table": "silver.readings",
            "check": "keys_are_unique",
            "status": status,
            "observed": seen,
            "at": at_,
            **_CHECK,
        }
        for status, seen, at_ in (
            ("failed", "3 of 9 rows break it", at),
            ("passed", "0 of 9 rows break it", at.replace(hour=1)),
        )
    ]
    rows.append(
        {
            "table": "ops.books",
            "check": "all_arrived",
            "status": "warned",
            "observed": "2 rows under way",
            "at": at,
            **_CHECK,
        }
    )
    context = tool_context(lake=FakeLake({"ops.check_results": pa.Table.from_pylist(rows)}))
    result = await service.data_checks(context)
    assert result.findings == [
        "1 of 2 checks of the data passed, the last at 2023-06-01 01:00 UTC; these did not:",
        "ops.books, all arrived: warned, 2 rows under way (right would be: none).",
    ]
    none = await service.data_checks(tool_context(lake=FakeLake({})))
    assert (none.found, none.findings) == (False, ["No check of the data has run yet."])


_CHECK = {"expected": "none", "day_first": date(2023, 5, 1), "day_last": date(2023, 5, 31), "run_id": "r"}
