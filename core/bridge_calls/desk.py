"""The gateway's side: takes calls for bridges whose sockets it holds, and writes the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from core.contracts.calls import ToolAnswer, ToolCall
from core.db import Database, Listener
from core.db.queries import load_queries
from core.log import get_logger

CHANNEL = "bridge_calls"
_SQL = load_queries("core.bridge_calls")
_log = get_logger("bridge_calls")


@dataclass(frozen=True, slots=True)
class TakenCall:
    """What a notification says: a call that waits, or is cancelled. Which one, the row says, not this."""

    tenant_id: UUID
    bridge_id: str
    call_id: str
    cancelled: bool = False

    def text(self) -> str:
        """As it is notified."""
        told = {"tenant": str(self.tenant_id), "bridge": self.bridge_id, "call": self.call_id}
        return json.dumps(told | ({"cancelled": True} if self.cancelled else {}))

    @classmethod
    def read(cls, text: str) -> TakenCall | None:
        """What was notified; None if it is none of ours."""
        try:
            told = json.loads(text)
            return cls(UUID(told["tenant"]), str(told["bridge"]), str(told["call"]), bool(told.get("cancelled")))
        except (ValueError, KeyError, TypeError):
            _log.warning("a notification cannot be read", action="listen", received=text[:100])
            return None


class CallDesk:
    """Over the platform database, under row-level security."""

    def __init__(self, platform: Database) -> None:
        self._platform = platform

    async def listen(self, heard: Callable[[TakenCall | None], None]) -> Listener:
        """Be told of calls; None says that some may have been missed."""

        def told(text: str) -> None:
            if not text:
                heard(None)
            elif (call := TakenCall.read(text)) is not None:
                heard(call)

        return await self._platform.listen(CHANNEL, told)

    async def waiting(self, tenant_id: UUID, bridge_id: str) -> list[TakenCall]:
        """Calls for a bridge that nobody has taken."""
        async with self._platform.transaction(tenant_id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["waiting"], bridge_id)
        return [TakenCall(tenant_id, bridge_id, str(row["id"])) for row in rows]

    async def take(self, call: TakenCall) -> ToolCall | None:
        """Take a call, so that nobody else does; None if there is none of that id for this bridge of this tenant."""
        async with self._platform.transaction(call.tenant_id) as transaction:
            row = await transaction.fetchrow(_SQL["take"], UUID(call.call_id), call.bridge_id)
        return None if row is None else ToolCall(id=call.call_id, **row)

    async def finish(self, call: TakenCall, answer: ToolAnswer) -> None:
        """Write the answer and tell who waits."""
        async with self._platform.transaction(call.tenant_id) as transaction:
            await transaction.execute(_SQL["finish"], UUID(call.call_id), answer.model_dump(mode="json"))
            await transaction.execute(_SQL["tell_callers"], call.call_id)
