"""The loop: tools in parallel, safety, failover, the answer's account of itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agents.conversation import Message, Prompt, ToolRequest
from agents.events import AgentEvent
from agents.executor import Executor
from agents.providers.face import CallEnd, CallStart, Piece, Provider, ProviderUnavailableError, Text, Usage
from agents.registry import Registry
from core.sdk.context import ToolContext
from core.sdk.sample import SamplePlant


class Scripted:
    """Says what it is told to, one list of pieces a call, and keeps what it was asked."""

    name = "scripted"
    model = "script-1"

    def __init__(self, *turns: Sequence[Piece] | Exception) -> None:
        self._turns = list(turns)
        self.prompts: list[Prompt] = []

    async def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        self.prompts.append(prompt)
        turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        if isinstance(turn, Exception):
            raise turn
        for piece in turn:
            yield piece

    async def close(self) -> None:
        pass


def ask(tool: str, number: int = 1, **arguments: Any) -> list[Piece]:
    return [CallStart(f"c{number}", tool), CallEnd(ToolRequest(f"c{number}", tool, arguments))]


async def run(
    registry: Registry, context: ToolContext, *providers: Provider, question: str = "?", **options: Any
) -> list[AgentEvent]:
    executor = Executor(registry, providers, **options)
    return [event async for event in executor.answer(question, context)]


def last_answer(events: list[AgentEvent]) -> dict[str, Any]:
    assert events[-1].kind == "answer"
    return events[-1].data


async def test_tools_are_called_and_their_results_go_back(registry: Registry, context: ToolContext) -> None:
    provider = Scripted(
        [*ask("describe_site"), *ask("what_happened", 2, equipment="pump-1"), Usage(10, 2)],
        [Text("pump-1 leaked on 2023-04-06 at 09:30 for 7.5 h."), Usage(20, 9)],
    )
    events = await run(registry, context, provider)
    kinds = [event.kind for event in events]
    assert kinds[0] == "context_info" and kinds.count("tool_result") == 2
    answer = last_answer(events)
    assert (answer["verified"], answer["unmatched"], answer["provider"]) == (True, [], "scripted")
    assert [call["name"] for call in answer["tools"]] == ["describe_site", "what_happened"]
    assert {item["table"] for item in answer["evidence"]} >= {"silver.fault_episodes", "gold.deviation_daily"}
    assert answer["usage"] == {"input_tokens": 30, "output_tokens": 11}
    replies = provider.prompts[1].messages[-1].replies
    assert [reply.id for reply in replies] == ["c1", "c2"]
    assert json.loads(replies[1].content)["findings"]


async def test_an_invented_number_is_flagged(registry: Registry, context: ToolContext) -> None:
    provider = Scripted(ask("rank_equipment"), [Text("pump-1 will fail in 17 days.")])
    answer = last_answer(await run(registry, context, provider))
    assert (answer["verified"], answer["unmatched"]) == (False, ["17"])


async def test_a_call_that_keeps_failing_ends_the_use_of_tools(registry: Registry, context: ToolContext) -> None:
    provider = Scripted(*[ask("sensor_history")] * 3, [Text("I give up.")])
    events = await run(registry, context, provider)
    assert [event.kind for event in events].count("guardrails_failed") == 3
    assert provider.prompts[3].tools == ()
    assert last_answer(events)["text"] == "I give up."


async def test_the_last_iteration_has_no_tools(registry: Registry, context: ToolContext) -> None:
    provider = Scripted(ask("describe_site"))
    events = await run(registry, context, provider, max_iterations=3)
    assert [bool(prompt.tools) for prompt in provider.prompts] == [True, True, False]
    assert [event.kind for event in events].count("tool_result") == 2


async def test_an_unknown_tool_is_an_error_the_model_sees(registry: Registry, context: ToolContext) -> None:
    provider = Scripted(ask("launch_rocket"), [Text("No such tool.")])
    await run(registry, context, provider)
    reply = provider.prompts[1].messages[-1].replies[0]
    assert reply.is_error and "no such tool" in reply.content


async def test_failover_says_so_and_the_answer_names_who_gave_it(
    registry: Registry, context: ToolContext, analyst: Provider
) -> None:
    down = Scripted(ProviderUnavailableError("overloaded"))
    events = await run(registry, context, down, analyst, question="Which machines do you know?")
    assert {"failover": {"from": "scripted", "to": "offline"}} in [event.data for event in events]
    assert last_answer(events)["provider"] == "offline"


async def test_without_anybody_left_the_stream_ends_in_an_error(registry: Registry, context: ToolContext) -> None:
    events = await run(registry, context, Scripted(ProviderUnavailableError("overloaded")))
    assert events[-1].kind == "error"


async def test_only_permitted_tools_are_offered(registry: Registry, plant: SamplePlant, context: ToolContext) -> None:
    from dataclasses import replace

    person = replace(context.identity, permissions=frozenset({"SCADA.READ"}))  # type: ignore[type-var]
    provider = Scripted(ask("rank_equipment"), [Text("Denied.")])
    await run(registry, replace(context, identity=person), provider)
    offered = {tool.name for tool in provider.prompts[0].tools}
    assert "describe_site" in offered and "rank_equipment" not in offered
    assert "FLEET.READ" in provider.prompts[1].messages[-1].replies[0].content


async def test_history_comes_before_the_question(registry: Registry, context: ToolContext) -> None:
    provider = Scripted([Text("Yes.")])
    history = [Message("user", "Earlier?"), Message("assistant", "Earlier.")]
    executor = Executor(registry, [provider])
    _ = [event async for event in executor.answer("Now?", context, history=history)]
    assert [message.text for message in provider.prompts[0].messages] == ["Earlier?", "Earlier.", "Now?"]
