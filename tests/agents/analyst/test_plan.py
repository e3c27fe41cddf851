"""The right tool with the right arguments, or a refusal: paraphrases among tools that have nothing to do with plants.

The plant is a dairy that appears nowhere else.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from agents.analyst.catalogue import Catalogue, FaultCode, Machine
from agents.analyst.choose import Chooser
from agents.analyst.plan import Step, make_plan
from agents.conversation import ToolDefinition
from core.embedding import embedder

DAYS = (date(2022, 3, 1), date(2022, 9, 30))
DAIRY = Catalogue(
    machines=(
        *(Machine(f"separator-{n}", "milk_separator", *DAYS) for n in range(1, 5)),
        Machine("homogeniser-1", "homogeniser", *DAYS),
    ),
    signals=(
        *(
            ("milk_separator", name)
            for name in ("bowl_speed", "drive_current", "outlet_temperature", "frame_vibration")
        ),
        ("homogeniser", "stage_pressure"),
    ),
    codes=(
        FaultCode("milk_separator", "BOWL_IMBALANCE", "Bowl out of balance"),
        FaultCode("homogeniser", "VALVE_WORN", "Valve seat worn"),
    ),
)
S2: dict[str, Any] = {"equipment": "separator-2"}
MAY = {"first": "2022-05-01", "last": "2022-05-31"}


@pytest.fixture(scope="module")
def chooser() -> Chooser:
    return Chooser(embedder())


def plan(question: str, offered: list[ToolDefinition], chooser: Chooser, earlier: tuple[str, ...] = ()) -> list[Step]:
    return make_plan(question, earlier, DAIRY, offered, chooser)


@pytest.mark.parametrize(
    ("question", "tool", "arguments"),
    [
        ("What happened to separator 2 in May?", "what_happened", {**S2, **MAY}),
        ("Did anything odd go on with separator-2 in May?", "what_happened", {**S2, **MAY}),
        (
            "What was wrong with separator 2 on 5 June?",
            "what_happened",
            {**S2, "first": "2022-06-05", "last": "2022-06-05"},
        ),
        ("Why did S2 behave so strangely in May?", "what_happened", {**S2, **MAY}),
        ("Which separators need attention most urgently?", "rank_equipment", {"equipment_type": "milk_separator"}),
        ("Name the three machines closest to failure", "rank_equipment", {"top": 3}),
        ("How long will separator 2 last?", "rank_equipment", {"equipment": ["separator-2"]}),
        ("remaining useful life of separator-2", "rank_equipment", {"equipment": ["separator-2"]}),
        ("How much time does separator 2 have left?", "rank_equipment", {"equipment": ["separator-2"]}),
        ("Has separator 2 had something like this before?", "similar_incidents", S2),
        ("Have we ever seen a worn valve before?", "similar_incidents", {"fault_code": "VALVE_WORN"}),
        ("Were there incidents similar to a rattling bowl?", "similar_incidents", None),
        (
            "How did the outlet temperature of separator 2 develop in May?",
            "sensor_history",
            {**S2, **MAY, "signal": "outlet_temperature"},
        ),
        (
            "What was the average drive current of separator 2 in May?",
            "sensor_history",
            {**S2, **MAY, "signal": "drive_current"},
        ),
        (
            "stage pressure of the homogeniser last week",
            "sensor_history",
            {"equipment": "homogeniser-1", "signal": "stage_pressure", "first": "2022-09-24", "last": "2022-09-30"},
        ),
        (
            "When was separator 2 hottest?",
            "signal_extremes",
            {**S2, "signal": "outlet_temperature", "direction": "highest"},
        ),
        (
            "On which 3 days was the bowl speed of separator 2 lowest?",
            "signal_extremes",
            {**S2, "signal": "bowl_speed", "direction": "lowest", "top": 3},
        ),
        (
            "Which separators show an imbalance, and since when?",
            "fault_episodes",
            {"equipment_type": "milk_separator", "fault_code": "BOWL_IMBALANCE"},
        ),
        (
            "Which alarms came up between 3 and 9 August?",
            "fault_episodes",
            {"first": "2022-08-03", "last": "2022-08-09"},
        ),
        ("Are any faults still open?", "fault_episodes", {"state": "open"}),
        ("Show me the raw event log of separator 2 in May", "fault_events", {**S2, **MAY}),
        (
            "What was the availability of separator 2 in May?",
            "kpi_summary",
            {"equipment": ["separator-2"], "kpi": "availability", **MAY},
        ),
        (
            "mean time between failures of the separators",
            "kpi_summary",
            {"equipment_type": "milk_separator", "kpi": "mtbf"},
        ),
        (
            "Compare separator 1 with separator 3 in May",
            "compare_equipment",
            {"equipment": ["separator-1", "separator-3"], **MAY},
        ),
        ("Which machines do we have?", "describe_site", {}),
        ("Which sensors are there, and in which units?", "describe_site", {}),
    ],
)
def test_the_right_tool(
    question: str, tool: str, arguments: dict[str, Any] | None, offered: list[ToolDefinition], chooser: Chooser
) -> None:
    (step,) = plan(question, offered, chooser)
    assert (step.tool, step.refusal) == (tool, None)
    if arguments is not None:
        assert list(step.calls) == [arguments]


@pytest.mark.parametrize(
    "question",
    [
        "What is the weather in Oslo?",
        "Email the ranking to my boss",
        "Write an invoice for May",
        "Who won the world cup?",
        "How many days of leave have I got left?",
        "Book a room for tomorrow",
        "Tell me a joke",
        "What is the share price of our supplier?",
        "What happened to the boiler in May?",
        "What happened to separator 9 in May?",
        "How hot was pump-3 yesterday?",
        "Stop separator 2",
        "Please delete the faults of May",
    ],
)
def test_a_refusal(question: str, offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan(question, offered, chooser)
    assert step.tool is None
    assert step.refusal


def test_a_missing_machine_is_asked_for(offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan("What happened to it in May?", offered, chooser)
    assert step.refusal is not None and "separator-1" in step.refusal


def test_two_parts_are_two_calls_and_it_is_the_machine_just_named(
    offered: list[ToolDefinition], chooser: Chooser
) -> None:
    first, second = plan("What happened to separator 2 in May, and has it happened before?", offered, chooser)
    assert (first.tool, second.tool) == ("what_happened", "similar_incidents")
    assert list(second.calls) == [{**S2, **MAY}]


def test_a_question_may_point_back_to_an_earlier_one(offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan("Has it happened before?", offered, chooser, ("What happened to separator 2 in May?",))
    assert (step.tool, list(step.calls)) == ("similar_incidents", [{**S2, **MAY}])


def test_then_waits_for_the_days_of_the_part_before(offered: list[ToolDefinition], chooser: Chooser) -> None:
    question = "On which days did the frame of separator 2 vibrate most, and was the bowl out of balance then?"
    first, second = plan(question, offered, chooser)
    assert (first.tool, second.tool, second.waits) == ("signal_extremes", "fault_episodes", True)


def test_a_period_that_a_tool_cannot_be_asked_for_is_said(offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan("What was the remaining life of separator 2 in May?", offered, chooser)
    assert step.tool == "rank_equipment"
    assert any("latest state" in note for note in step.notes)
