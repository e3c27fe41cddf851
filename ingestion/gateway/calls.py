"""Tool calls to one connected bridge: sent over its socket, each answered by the message of its id."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pydantic import BaseModel
from websockets.exceptions import ConnectionClosed

from core.contracts.calls import MOST_BYTES, CallOutcome, ToolAnswer, ToolCall, ToolCancel

_GRACE_S = 2.0
"""The bridge keeps the deadline itself; its word that time ran out says more than silence."""


class OpenCalls:
    """Calls that one session waits for.

    Args:
        send: says something to the bridge.
        understood: whether the bridge knows what a call is.
    """

    def __init__(self, send: Callable[[BaseModel], Awaitable[None]], understood: Callable[[], bool]) -> None:
        self._send = send
        self._understood = understood
        self._waiting: dict[str, asyncio.Future[ToolAnswer]] = {}

    async def call(self, call: ToolCall) -> ToolAnswer:
        """Ask the bridge and wait for its answer; a bridge that says nothing, or goes, is an answer as well."""
        if not self._understood():
            return _failed(call.id, "the bridge is too old to be asked; update it")
        if len(call.model_dump_json()) > MOST_BYTES:
            return _failed(call.id, f"a call may be {MOST_BYTES:,} bytes long; send less")
        answer: asyncio.Future[ToolAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[call.id] = answer
        try:
            try:
                await self._send(call)
            except ConnectionClosed:
                return _failed(call.id, "the link to the bridge broke before it was asked")
            async with asyncio.timeout(call.timeout_ms / 1000 + _GRACE_S):
                return await answer
        except TimeoutError:
            return ToolAnswer(id=call.id, outcome=CallOutcome.TIMEOUT, message="the bridge did not answer in time")
        finally:
            del self._waiting[call.id]

    async def cancel(self, call_id: str) -> None:
        """Nobody waits for a call any more."""
        answer = self._waiting.get(call_id)
        if answer is not None and not answer.done():
            answer.set_result(_failed(call_id, "the call was cancelled"))
            with contextlib.suppress(ConnectionClosed):
                await self._send(ToolCancel(id=call_id))

    def answered(self, message: ToolAnswer) -> None:
        """The bridge has answered; one that nobody waits for is late, and dropped."""
        answer = self._waiting.get(message.id)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def close(self) -> None:
        """The bridge is gone."""
        for call_id, answer in self._waiting.items():
            if not answer.done():
                answer.set_result(_failed(call_id, "the link to the bridge broke before it answered"))


def _failed(call_id: str, message: str) -> ToolAnswer:
    return ToolAnswer(id=call_id, outcome=CallOutcome.FAILED, message=message)
