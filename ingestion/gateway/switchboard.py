"""Calls from the platform database to sockets: takes what is for a bridge that is connected here, and answers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

from core.bridge_calls import CallDesk, TakenCall
from core.contracts.calls import ToolAnswer
from core.errors import GoldlayerError
from core.log import get_logger
from ingestion.gateway.calls import OpenCalls

_log = get_logger("gateway")


class Connected(Protocol):
    """A session with a bridge."""

    calls: OpenCalls

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def bridge_id(self) -> str: ...


class Sessions(Protocol):
    """Who is connected here."""

    def session_of(self, tenant_id: UUID, bridge_id: str) -> Connected | None:
        """The socket of one tenant's bridge."""
        ...

    def connected(self) -> Iterable[Connected]:
        """All of them."""
        ...


class Switchboard:
    """Hears of every call; answers those whose bridge is here, and leaves the others alone."""

    def __init__(self, desk: CallDesk, sessions: Sessions) -> None:
        self._desk, self._sessions = desk, sessions
        self._work: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Answer calls for a block."""
        listener = await self._desk.listen(self._heard)
        try:
            yield
        finally:
            await listener.close()
            for task in self._work:
                task.cancel()
            await asyncio.gather(*self._work, return_exceptions=True)

    def _heard(self, call: TakenCall | None) -> None:
        if call is None:
            self._begin(self._look_again())
        elif (session := self._sessions.session_of(call.tenant_id, call.bridge_id)) is not None:
            self._begin(session.calls.cancel(call.call_id) if call.cancelled else self._answer(call, session))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, call: TakenCall, session: Connected) -> None:
        """What cannot be written now is answered by the caller's own deadline."""
        try:
            taken = await self._desk.take(call)
            if taken is None:
                return
            answer: ToolAnswer = await session.calls.call(taken)
            await self._desk.finish(call, answer)
        except GoldlayerError as error:
            _log.warning("a call to a bridge was lost", action="call", bridge=call.bridge_id, error=str(error))

    async def _look_again(self) -> None:
        """The connection to the database was away: what was notified meanwhile nobody heard."""
        for session in list(self._sessions.connected()):
            try:
                waiting = await self._desk.waiting(session.tenant_id, session.bridge_id)
            except GoldlayerError as error:
                _log.warning("calls cannot be looked up", action="call", error=str(error))
                return
            for call in waiting:
                self._begin(self._answer(call, session))
