"""Calls on site: one answer each, in time, whatever the tool does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.calls import Caller, Calls
from core.contracts.calls import MOST_BYTES, CallOutcome, ToolAnswer, ToolCall
from core.errors import DeniedError, InputError, TransientError


class Desk:
    """Calls with a list of what was answered."""

    def __init__(self, **tools: Any) -> None:
        self.calls = Calls(tools, kept={"write_tag": "platform bridge write, on site"})
        self.said: asyncio.Queue[str] = asyncio.Queue()

    def ask(self, tool: str, call_id: str = "0000000a", timeout_ms: int = 60_000, **arguments: Any) -> None:
        call = ToolCall(id=call_id, tool=tool, arguments=arguments, timeout_ms=timeout_ms, asked_by="ana")
        self.calls.take(call, self.said.put)

    async def answer(self) -> ToolAnswer:
        return ToolAnswer.model_validate_json(await asyncio.wait_for(self.said.get(), 60))


async def echo(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"who": caller.name, **arguments}


def failing(error: Exception):
    async def fail(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise error

    return fail


async def test_a_call_is_answered_under_its_id() -> None:
    desk = Desk(echo=echo)
    desk.ask("echo", "0000000b", signal="flow")
    assert await desk.answer() == ToolAnswer(
        id="0000000b", outcome=CallOutcome.OK, result={"who": "ana", "signal": "flow"}
    )


async def test_what_is_kept_on_site_is_refused_by_name_even_if_it_is_there() -> None:
    desk = Desk(write_tag=echo)
    desk.ask("write_tag", signal="setpoint", value=1)
    answer = await desk.answer()
    assert answer.outcome is CallOutcome.REFUSED
    assert answer.message == "write_tag cannot be called from the platform; next: platform bridge write, on site"


async def test_an_unknown_tool_names_those_there_are() -> None:
    desk = Desk(echo=echo)
    desk.ask("reboot")
    answer = await desk.answer()
    assert answer.outcome is CallOutcome.UNKNOWN_TOOL
    assert answer.message == "tool not on this bridge; expected echo; received 'reboot'"


@pytest.mark.parametrize(
    ("error", "outcome", "message"),
    [
        (DeniedError("withheld by contract"), CallOutcome.REFUSED, "withheld by contract"),
        (InputError("no such signal", where="/secret/path"), CallOutcome.INVALID, "no such signal"),
        (TransientError("device is away", where="10.0.0.7"), CallOutcome.FAILED, "device is away"),
        (
            ValueError("internals at 10.0.0.7"),
            CallOutcome.FAILED,
            "ask failed on site; the bridge's log has it under 0000000a",
        ),
    ],
)
async def test_what_goes_wrong_is_said_without_what_is_inside(
    error: Exception, outcome: CallOutcome, message: str
) -> None:
    desk = Desk(ask=failing(error))
    desk.ask("ask")
    answer = await desk.answer()
    assert (answer.outcome, answer.message, answer.result) == (outcome, message, None)


async def test_the_deadline_is_kept_on_site() -> None:
    async def sleep(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    desk = Desk(sleep=sleep)
    desk.ask("sleep", timeout_ms=20)
    answer = await desk.answer()
    assert (answer.outcome, answer.message) == (CallOutcome.TIMEOUT, "sleep took longer than 20 ms on site")


async def test_too_much_at_once_and_too_long_an_answer_are_said() -> None:
    gate = asyncio.Event()

    async def wait(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await gate.wait()
        return {"text": "x" * MOST_BYTES}

    desk = Desk(wait=wait)
    for number in range(9):
        desk.ask("wait", f"0000000{number}")
    busy = await desk.answer()
    assert (busy.id, busy.outcome) == ("00000008", CallOutcome.BUSY)
    gate.set()
    answer = await desk.answer()
    assert answer.outcome is CallOutcome.FAILED
    assert "may leave in one; ask for less" in answer.message


async def test_a_cancelled_call_ends_and_is_not_answered() -> None:
    ended = asyncio.Event()

    async def wait(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    desk = Desk(wait=wait, echo=echo)
    desk.ask("wait", "0000000c")
    await asyncio.sleep(0)
    desk.calls.cancel("0000000c")
    await asyncio.wait_for(ended.wait(), 60)
    desk.ask("echo", "0000000d")
    assert (await desk.answer()).id == "0000000d"
    await desk.calls.drop()
    assert desk.said.empty()
