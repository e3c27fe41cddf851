"""Whole answers of the offline analyst: only what tools found, every number with a source."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from agents.conversation import Message, Prompt, ToolDefinition, ToolReply, ToolRequest
from agents.executor import Executor
from agents.providers.face import Provider, Text
from core.contracts.evidence import Evidence
from core.sdk.context import ToolContext
from core.sdk.testing import FakeLake, tool_context

QUESTIONS = (
    "Which machines do you know?",
    "What happened to pump-1 in early April, and has it happened before?",
    "Which pumps need attention first, and how long have they got?",
    "On which days was the bearing of pump 1 hottest, and did it leak then?",
    "How did the flow of pump 2 develop in the first week of May?",
    "What was the availability of the pumps in April?",
    "Compare pump 1 and pump 3 in May",
    "Which pumps run hot, and since when?",
    "What happened to pump-1 in December?",
    "What happened to the turbine?",
    "Who are you?",
)


async def ask(executor: Executor, context: ToolContext, question: str) -> dict[str, Any]:
    events = [event async for event in executor.answer(question, context)]
    assert events[-1].kind == "answer", events[-1]
    return events[-1].data


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_number_has_a_source_that_gives_it_again(
    executor: Executor, context: ToolContext, question: str
) -> None:
    answer = await ask(executor, context, question)
    assert answer["unmatched"] == []
    assert "not a language model" in answer["text"]
    lake = context.lake
    assert isinstance(lake, FakeLake)
    events = [event async for event in executor.answer(question, context)]
    results = [event.data["result"] for event in events if event.kind == "tool_result" and event.data["result"]]
    for result in results:
        again = [
            value
            for item in result["evidence"]
            for row in lake.rerun(Evidence.model_validate(item))
            for value in row.values()
            if isinstance(value, int | float)
        ]
        for row in result["rows"]:
            for value in row.values():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    assert any(math.isclose(value, other, rel_tol=1e-9) for other in again), (value, row)


async def test_two_parts_are_both_answered(executor: Executor, context: ToolContext) -> None:
    answer = await ask(
        executor, context, "What happened to pump-1 in the second week of May, and has it happened before?"
    )
    assert "2023-05-11 09:30" in answer["text"]
    assert "Yes, SEAL_LEAK was raised once on pump-1 before 2023-05-11" in answer["text"]
    assert "2023-04-06 09:30" in answer["text"]


async def test_then_asks_for_the_days_found(executor: Executor, context: ToolContext) -> None:
    answer = await ask(executor, context, "On which 2 days was the bearing of pump 1 hottest, and did it leak then?")
    calls = [call for call in answer["tools"] if call["name"] == "fault_episodes"]
    assert sorted(call["arguments"]["first"] for call in calls) == ["2023-04-06", "2023-05-11"]
    assert answer["text"].count("pump-1 had one SEAL_LEAK (warning)") == 2
    assert "Yes, each time." in answer["text"]


async def test_counts_and_intervals(executor: Executor, context: ToolContext) -> None:
    answer = await ask(executor, context, "Which two pumps will fail first, and how long have they got?")
    assert "pump-2 has about" in answer["text"] and "pump-1 has about" in answer["text"]
    assert "90 % interval" in answer["text"] and "pump-3" not in answer["text"]


async def test_no_data_in_the_window_says_where_there_is_some(executor: Executor, context: ToolContext) -> None:
    answer = await ask(executor, context, "What was the flow of pump 2 in December?")
    assert "There is no flow of pump-2 from 2023-12-01" in answer["text"]
    assert "2023-04-01 to 2023-05-30" in answer["text"]


async def test_an_unknown_machine_is_not_guessed(executor: Executor, context: ToolContext) -> None:
    answer = await ask(executor, context, "What happened to the turbine?")
    assert [call["name"] for call in answer["tools"]] == ["describe_site"]
    assert "I know no turbine" in answer["text"] and "pump-1, pump-2, pump-3" in answer["text"]


async def test_an_empty_lake_is_said_to_be_empty(executor: Executor) -> None:
    context = tool_context(
        permissions=["SCADA.READ", "FLEET.READ"],
        subscriptions=["SCADA_MONITOR", "FLEET_RELIABILITY"],
        lake=FakeLake({}),
    )
    answer = await ask(executor, context, "Which machines need attention first?")
    assert "neither a remaining life nor a health score" in answer["text"]


async def test_a_failed_check_is_told(executor: Executor, plant: Any) -> None:
    lake = FakeLake(plant.tables(), {"silver.fault_episodes": {"no gaps": "failed"}})
    context = tool_context(
        permissions=["SCADA.READ", "FLEET.READ"], subscriptions=["SCADA_MONITOR", "FLEET_RELIABILITY"], lake=lake
    )
    answer = await ask(executor, context, "Which faults were raised on pump-1?")
    assert "silver.fault_episodes: no gaps" in answer["text"]
    assert json.dumps(answer["evidence"])


async def test_machines_are_not_unknown_because_nobody_could_list_them(analyst: Provider) -> None:
    tool = ToolDefinition("describe_site", "What there is.", {"type": "object", "properties": {}}, catalogue=True)
    late = ToolReply("call_1", tool.name, "took longer than 15 s", is_error=True)
    turns = (
        Message("user", "What happened to pump-1, and has it happened before?"),
        Message("assistant", requests=(ToolRequest("call_1", tool.name, {}),)),
        Message("tool", replies=(late,)),
    )
    said = "".join(
        [piece.text async for piece in analyst.stream(Prompt("", turns, (tool,))) if isinstance(piece, Text)]
    )
    assert "could not be looked up: took longer than 15 s" in said
    assert "I know" not in said
