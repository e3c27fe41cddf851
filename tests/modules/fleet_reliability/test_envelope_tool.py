"""Machines against their own healthy envelopes, on a small plant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from agents.verify import verify
from core.sdk import ToolContext, ToolResult
from core.sdk.testing import FakeLake, tool_context
from modules.fleet_reliability import envelope_phrases as phrases
from modules.fleet_reliability.envelopes import healthy_envelope

Check = Callable[[ToolResult], None]
HOT = "pump-2"


async def test_a_machine_outside_its_envelope_names_hours_signal_and_condition(
    context: ToolContext, assert_evidenced: Check
) -> None:
    result = await healthy_envelope(context, [HOT], None, None, None, None)
    said, signal = result.findings
    assert said.startswith("pump-2 ran outside its healthy envelope on 2023-05-30, in 12 of 24 hours (highest anomaly ")
    assert "furthest off: in every hour, bearing temperature 6.0 spreads above what is usual at flow 110 to 130" in said
    assert signal.startswith(
        "Bearing temperature averaged 61 degC on 2023-05-30, 6 spreads above what is usual at flow"
    )
    assert signal.endswith("left its own limits in 12 of 24 hours.")
    assert result.figure is not None and (result.figure.value, result.figure.unit) == (12, "h")
    assert_evidenced(result)
    checked = verify(" ".join(result.findings), [result.model_dump(mode="json")])
    assert checked.unmatched == []


async def test_a_machine_inside_says_so_with_its_score(context: ToolContext, assert_evidenced: Check) -> None:
    result = await healthy_envelope(context, ["pump-1"], None, None, None, None)
    (said,) = result.findings
    assert said.startswith("pump-1 ran inside its healthy envelope on 2023-05-30, in all of 24 hours (highest anomaly ")
    assert result.figure is not None and result.figure.value == 0
    assert_evidenced(result)


async def test_over_a_period_hours_add_up_and_the_worst_day_is_named(
    context: ToolContext, assert_evidenced: Check
) -> None:
    result = await healthy_envelope(context, ["pump-1"], None, date(2023, 4, 1), date(2023, 4, 10), None)
    assert result.rows[0]["hours_outside"] == 12
    assert "from 2023-04-01 to 2023-04-10, in 12 of 240 hours" in result.findings[0]
    assert "furthest off on 2023-04-06: " in result.findings[0]
    assert_evidenced(result)


async def test_the_fleet_is_told_furthest_off_first(context: ToolContext, assert_evidenced: Check) -> None:
    result = await healthy_envelope(context, None, "centrifugal_pump", None, None, 2)
    assert result.findings[0] == "1 of 3 machines ran outside the healthy envelope, furthest off first:"
    assert [row["equipment_id"] for row in result.rows] == [HOT, "pump-1"]
    assert result.truncated
    assert_evidenced(result)
    early = await healthy_envelope(context, None, None, date(2023, 4, 2), date(2023, 4, 3), None)
    assert early.findings[0] == "All 3 machines ran inside their healthy envelopes."


async def test_days_that_nobody_held_against_an_envelope_are_no_answer(context: ToolContext) -> None:
    later = await healthy_envelope(context, [HOT], None, date(2024, 1, 1), date(2024, 1, 31), None)
    assert not later.found and "2023-04-01 to 2023-05-30" in later.findings[0]
    none = await healthy_envelope(tool_context(lake=FakeLake({})), [HOT], None, None, None, None)
    assert not none.found
    assert none.findings == ["There is no healthy envelope of pump-2 yet: it is drawn when commissioning is complete."]


def test_hours_under_conditions_nobody_knew_are_told_apart() -> None:
    row = {
        "equipment_id": "compressor-1",
        "first_day": date(2020, 4, 18),
        "last_day": date(2020, 4, 18),
        "worst_day": date(2020, 4, 18),
        "hours": 24,
        "hours_outside": 0,
        "hours_pooled": 20,
        "worst_score": 0.79,
        "limit_score": 0.5,
        "worst_reason": "since 04:00, motor current 3.4 A above what is usual over all conditions",
        "machines": 1,
        "machines_outside": 0,
        "machines_unseen": 1,
    }
    said, apart = phrases.envelopes([row], [])
    assert said.startswith(
        "compressor-1 ran under conditions that commissioning did not know on 2020-04-18, in 20 of 24 hours (highest "
    )
    assert said.endswith("furthest off: since 04:00, motor current 3.4 A above what is usual over all conditions.")
    assert apart.startswith("20 hours under a condition that commissioning did not know count neither as inside nor ")
    fleet = {**row, "machines": 3}
    head, *_ = phrases.envelopes([fleet, {**fleet, "equipment_id": "b"}], [])
    assert head == (
        "None of 3 machines ran outside the healthy envelope; 1 ran under conditions that commissioning did not know:"
    )
    outside, apart = phrases.envelopes([{**row, "hours_outside": 2}], [])
    assert " ran outside its healthy envelope on 2020-04-18, in 2 of 24 hours " in outside
    assert apart.startswith("20 hours ")
