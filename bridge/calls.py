"""Tool calls that came over the link: each runs beside the data, within its time, and is answered once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.contracts.calls import MOST_BYTES, CallOutcome, ToolAnswer, ToolCall
from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError
from core.log import get_logger

_MOST_AT_ONCE = 8
_log = get_logger("bridge")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the platform says; nothing on site is allowed or refused for it."""

    name: str
    call_id: str


Handler = Callable[[Caller, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""A tool: gets unchecked arguments, gives what may leave the site as JSON; raises errors of `core.errors`."""
Send = Callable[[str], Awaitable[None]]


class Calls:
    """What the platform may ask this bridge for.

    Args:
        tools: by name; nothing else can be called from outside.
        kept: tools that exist and can only be used on site, with the reason; refused by name.
    """

    def __init__(self, tools: Mapping[str, Handler], kept: Mapping[str, str] = MappingProxyType({})) -> None:
        self._tools, self._kept = dict(tools), dict(kept)
        self._running: dict[str, asyncio.Task[None]] = {}

    def add(self, tools: Mapping[str, Handler]) -> None:
        """More of what may be asked for."""
        self._tools |= tools

    def take(self, call: ToolCall, send: Send) -> None:
        """Begin a call; its answer is sent when it is there."""
        if call.id in self._running:
            return
        busy = len(self._running) >= _MOST_AT_ONCE
        task = asyncio.create_task(self._answer(call, send, busy=busy), name=f"tool call {call.tool}")
        self._running[call.id] = task
        task.add_done_callback(lambda _: self._running.pop(call.id, None))

    def cancel(self, call_id: str) -> None:
        """Nobody waits for it any more; it is not answered."""
        if call_id in self._running:
            self._running[call_id].cancel()

    async def drop(self) -> None:
        """End everything that runs: the link is gone, and so is who asked."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _answer(self, call: ToolCall, send: Send, *, busy: bool) -> None:
        answer = _busy(call) if busy else await self._run(call)
        text = answer.model_dump_json()
        if len(text) > MOST_BYTES:
            message = f"the answer is {len(text):,} bytes, {MOST_BYTES:,} may leave in one; ask for less"
            answer = ToolAnswer(id=call.id, outcome=CallOutcome.FAILED, message=message)
            text = answer.model_dump_json()
        _log.info(
            "platform called a tool",
            action="tool",
            tool=call.tool,
            asked_by=call.asked_by,
            outcome=answer.outcome.value,
            arguments=json.dumps(call.arguments)[:200],
        )
        await send(text)

    async def _run(self, call: ToolCall) -> ToolAnswer:
        outcome, message = CallOutcome.FAILED, ""
        try:
            handler = self._handler(call)
            async with asyncio.timeout(call.timeout_ms / 1000):
                result = await handler(Caller(call.asked_by, call.id), call.arguments)
            return ToolAnswer(id=call.id, outcome=CallOutcome.OK, result=dict(result))
        except NotFoundError as error:
            unknown = call.tool not in self._tools
            outcome, message = (CallOutcome.UNKNOWN_TOOL if unknown else CallOutcome.INVALID), error.sentence()
        except DeniedError as error:
            outcome, message = CallOutcome.REFUSED, error.sentence()
        except InputError as error:
            outcome, message = CallOutcome.INVALID, error.sentence()
        except GoldlayerError as error:
            message = error.sentence()
        except TimeoutError:
            outcome, message = CallOutcome.TIMEOUT, f"{call.tool} took longer than {call.timeout_ms} ms on site"
        except Exception as error:
            # The site's log has the trace; the platform learns that it failed, never what stood in it.
            _log.exception("tool failed", action="tool", tool=call.tool, kind=type(error).__name__)
            message = f"{call.tool} failed on site; the bridge's log has it under {call.id}"
        return ToolAnswer(id=call.id, outcome=outcome, message=message)

    def _handler(self, call: ToolCall) -> Handler:
        if call.tool in self._kept:
            raise DeniedError(f"{call.tool} cannot be called from the platform", next_step=self._kept[call.tool])
        handler = self._tools.get(call.tool)
        if handler is None:
            has = ", ".join(sorted(self._tools)) or "no tool"
            raise NotFoundError("tool not on this bridge", received=call.tool, expected=has)
        return handler


def _busy(call: ToolCall) -> ToolAnswer:
    message = f"{_MOST_AT_ONCE} calls run here already; try again"
    return ToolAnswer(id=call.id, outcome=CallOutcome.BUSY, message=message)
