"""The caller's side: ask a tenant's bridge for something and wait for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

from core.bridge_calls.desk import TakenCall
from core.bridge_calls.errors import BridgeOfflineError, CallFailedError
from core.bridge_calls.routing import Place
from core.contracts.calls import MOST_SECONDS, CallOutcome, ToolAnswer
from core.contracts.site import SiteFile
from core.db import Database, Listener, TenantScope
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError

CHANNEL = "bridge_answers"
_TAKEN_WITHIN_S = 2.0
"""A gateway with the bridge's socket takes a call at once; a call that still waits after this has no bridge."""
_GRACE_S = 4.0
"""Beyond the deadline: bridge and gateway keep it first, and their word says more than silence."""
_SQL = load_queries("core.bridge_calls")


class BridgeCalls:
    """Over the platform database, under row-level security; one a process, lives in one event loop."""

    def __init__(self, platform: Database) -> None:
        self._platform = platform
        self._waiting: dict[str, asyncio.Event] = {}
        self._listening: asyncio.Task[Listener] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing waits any more; the database closes its listeners itself."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def places(self, scope: TenantScope) -> list[Place]:
        """Every bridge of a tenant with the machines behind it."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["places"])
        return [
            Place(
                row["bridge_id"],
                row["site"],
                frozenset(unit.id for unit in SiteFile.model_validate(row["definition"]).units()),
                row["last_seen"],
            )
            for row in rows
        ]

    async def call(
        self,
        scope: TenantScope,
        place: Place,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        asked_by: str,
        timeout_s: float = 10.0,
    ) -> dict[str, Any]:
        """Ask a bridge of the tenant and wait.

        Args:
            scope: the tenant; a bridge of another one does not exist for it.
            place: which of its bridges.
            tool: what to call there.
            arguments: as JSON; the site checks them again.
            asked_by: who asks, for the log on site.
            timeout_s: longest time it may take.

        Raises:
            BridgeOfflineError: the bridge has no socket now.
            DeniedError: the site refuses.
            InputError: the site cannot work with the arguments.
            NotFoundError: the bridge has no such tool.
            CallFailedError: it failed there, or the link broke.
        """
        await self._listen()
        limit_s = min(timeout_s, MOST_SECONDS)
        call = TakenCall(scope.id, place.bridge_id, str(uuid4()), cancelled=True)
        self._waiting[call.call_id] = told = asyncio.Event()
        try:
            await self._add(call, tool, arguments, asked_by, limit_s)
            answer = await self._wait(call, place, told, limit_s)
        except asyncio.CancelledError:
            await asyncio.shield(self._remove(call))
            raise
        finally:
            del self._waiting[call.call_id]
        return _result_of(answer, place)

    async def _add(
        self, call: TakenCall, tool: str, arguments: Mapping[str, Any], asked_by: str, limit_s: float
    ) -> None:
        async with self._platform.transaction(call.tenant_id) as transaction:
            row = (UUID(call.call_id), call.tenant_id, call.bridge_id, tool, dict(arguments), asked_by, limit_s)
            await transaction.execute(_SQL["add"], *row)
            await transaction.execute(_SQL["tell_gateways"], replace(call, cancelled=False).text())

    async def _wait(self, call: TakenCall, place: Place, told: asyncio.Event, limit_s: float) -> ToolAnswer:
        loop = asyncio.get_running_loop()
        taken_by, until = loop.time() + _TAKEN_WITHIN_S, loop.time() + limit_s + _GRACE_S
        while True:
            state, answer = await self._look(call)
            now = loop.time()
            if answer is not None:
                await self._remove(call, tell=False)
                return answer
            if state == "pending" and now >= taken_by:
                if await self._remove(call) == "pending":
                    raise BridgeOfflineError(place.bridge_id, place.site, place.last_seen)
                raise CallFailedError(f"bridge {place.bridge_id} was reached too late; ask again")
            if now >= until:
                await self._remove(call)
                raise CallFailedError(
                    f"bridge {place.bridge_id} of site {place.site} did not answer in time",
                    next_step="ask again; platform bridge doctor on site says what is wrong",
                )
            told.clear()
            wait_s = (taken_by if state == "pending" else until) - now
            try:
                await asyncio.wait_for(told.wait(), wait_s)
            except TimeoutError:
                continue

    async def _look(self, call: TakenCall) -> tuple[str, ToolAnswer | None]:
        async with self._platform.transaction(call.tenant_id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["look"], UUID(call.call_id))
        if row is None:
            raise CallFailedError("the call was removed", next_step="ask again")
        return row["state"], ToolAnswer.model_validate(row["answer"]) if row["answer"] is not None else None

    async def _remove(self, call: TakenCall, *, tell: bool = True) -> str | None:
        """Forget a call; the state it was in. A bridge that still works on it is told, if it is worth telling."""
        async with self._platform.transaction(call.tenant_id) as transaction:
            state = await transaction.fetchval(_SQL["remove"], UUID(call.call_id))
            if tell and state == "taken":
                await transaction.execute(_SQL["tell_gateways"], call.text())
        return state

    async def _listen(self) -> None:
        """Listening begins with the first call and serves all."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._platform.listen(CHANNEL, self._heard))
        try:
            await asyncio.shield(self._listening)
        except Exception:
            # A task that failed would fail every later call: the next one tries to listen anew.
            self._listening = None
            raise

    def _heard(self, call_id: str) -> None:
        """An answer is there; without an id, any may be."""
        for event in [self._waiting[call_id]] if call_id in self._waiting else self._everyone(call_id):
            event.set()

    def _everyone(self, call_id: str) -> list[asyncio.Event]:
        return [] if call_id else list(self._waiting.values())


def _result_of(answer: ToolAnswer, place: Place) -> dict[str, Any]:
    where = f"site {place.site}"
    match answer.outcome:
        case CallOutcome.OK:
            return answer.result or {}
        case CallOutcome.REFUSED:
            raise DeniedError(f"{where} refuses: {answer.message}")
        case CallOutcome.INVALID:
            raise InputError(f"{where} cannot do this: {answer.message}")
        case CallOutcome.UNKNOWN_TOOL:
            raise NotFoundError(f"bridge {place.bridge_id} of {where}: {answer.message}")
        case CallOutcome.FAILED | CallOutcome.TIMEOUT | CallOutcome.BUSY:
            raise CallFailedError(f"{where}: {answer.message}")
