"""From checked batches to acknowledgements: one connection's batches, in order, several in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from core import faults
from core.contracts.batch import BatchHeader, MalformedBatchError
from core.contracts.frames import Ack, Refused
from core.contracts.lanes import LaneKind
from core.errors import TransientError
from core.eventlog import EventLog, Outgoing
from core.log import get_logger
from ingestion.gateway.budget import ByteBudget
from ingestion.gateway.check import RefusedBatchError, check_batch
from ingestion.gateway.promise import Promise
from ingestion.quarantine import accepted, refused

_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)
MOST_AT_ONCE = 64
"""Batches of one append."""
AFTER_LOG = "gateway.after_log"
"""Fault point: the log has batches, the bridge does not know it yet."""
_log = get_logger("gateway")

Reply = Callable[[Ack | Refused], Awaitable[None]]
PromiseOf = Callable[[str], Awaitable[Promise | None]]
"""The promise of a contract by its SHA-256; None if the platform never saw it."""
WasLetIn = Callable[[BatchHeader, bytes], Awaitable[bool]]
"""Whether a batch that would be refused now is on its way already; see `ingestion.gateway.let_in`."""


@dataclass(frozen=True, slots=True)
class _Taken:
    header: BatchHeader
    records: list[Outgoing]
    reason: str | None
    """Why it was refused, if it was."""
    size: int
    """Bytes borrowed for it."""


class Intake:
    """Checks batches as they come and appends what waits in one go; acknowledges once the log has it.

    Args:
        tenant: slug whose topics take the batches.
        log: the event log.
        promise_of: looks contracts up.
        reply: sends a message to the bridge.
        max_batch_bytes: larger payloads are refused.
        credit: batches that may wait; the bridge was promised no more.
        budget: bytes that the batches of all connections may hold.
        was_let_in: asked about what would be refused; None where nobody can tell.
    """

    def __init__(
        self,
        tenant: str,
        log: EventLog,
        promise_of: PromiseOf,
        reply: Reply,
        *,
        max_batch_bytes: int,
        credit: int,
        budget: ByteBudget,
        was_let_in: WasLetIn | None = None,
    ) -> None:
        self._tenant = tenant
        self._log = log
        self._promise_of = promise_of
        self._reply = reply
        self._max_bytes = max_batch_bytes
        self._waiting: asyncio.Queue[_Taken] = asyncio.Queue(2 * credit)
        self._last: dict[str, int] = {}
        self._budget = budget
        self._was_let_in = was_let_in
        self._news: set[str] = set()
        """Lanes of which a number came that was never here: no later one was either."""
        self._bytes = 0
        self.held = 0
        """Batches taken of which the bridge has no answer yet; at most the queue, one append and one at hand."""

    async def take(self, header: BatchHeader, kind: LaneKind, payload: bytes) -> None:
        """Check a batch and queue it; waits while the log is behind or the batches of all bridges take too much room.

        Raises:
            MalformedBatchError: the bridge left out a number, so a later acknowledgement would be a lie.
            TransientError: the contract cannot be looked up now.
        """
        last = self._last.get(header.lane)
        if last is not None and header.seq > last + 1:
            raise MalformedBatchError("lane has a hole", expected=str(last + 1), received=header.seq, where=header.lane)
        self._last[header.lane] = max(header.seq, last or 0)
        await self._budget.take(len(payload))
        self._bytes += len(payload)
        self.held += 1
        stamped = replace(header, tenant=self._tenant, received_at=datetime.now(UTC).isoformat())
        promise = await self._promise_of(header.contract_sha256)
        try:
            check_batch(header, kind, payload, promise, max_bytes=self._max_bytes)
        except RefusedBatchError as error:
            if await self._is_here(stamped, payload):
                await self._waiting.put(_Taken(stamped, [], None, len(payload)))
                return
            reason = str(error)
            _log.error(
                "batch refused for good",
                action="refuse",
                tenant=self._tenant,
                bridge=header.bridge,
                lane=header.lane,
                seq=header.seq,
                reason=reason,
            )
            await self._waiting.put(_Taken(stamped, refused(stamped, payload, reason), reason, len(payload)))
        else:
            await self._waiting.put(_Taken(stamped, [accepted(stamped, payload)], None, len(payload)))

    async def _is_here(self, header: BatchHeader, payload: bytes) -> bool:
        """True for a resend of what was let in under the rules of then: its acknowledgement was lost."""
        if self._was_let_in is None or header.lane in self._news:
            return False
        here = await self._was_let_in(header, payload)
        if here:
            facts = {"tenant": self._tenant, "bridge": header.bridge, "lane": header.lane, "seq": header.seq}
            _log.info("batch was let in before and is acknowledged again", action="acknowledge", **facts)
        else:
            self._news.add(header.lane)
        return here

    async def run(self) -> None:
        """Append and acknowledge until cancelled."""
        while True:
            taken = [await self._waiting.get()]
            while len(taken) < MOST_AT_ONCE and not self._waiting.empty():
                taken.append(self._waiting.get_nowait())
            if records := [record for one in taken for record in one.records]:
                await self._append(records)
            faults.die_here(AFTER_LOG)
            for one in taken:
                if one.reason is not None:
                    await self._reply(Refused(lane=one.header.lane, seq=one.header.seq, reason=one.reason))
            newest = {one.header.lane: one.header for one in taken}
            for lane, header in newest.items():
                await self._reply(Ack(incarnation=header.incarnation, lane=lane, seq=header.seq))
            self.held -= len(taken)
            self._give_back(sum(one.size for one in taken))

    def close(self) -> None:
        """Nobody waits for its batches any more: the bridge keeps those that were not acknowledged."""
        self._give_back(self._bytes)

    def _give_back(self, size: int) -> None:
        self._bytes -= size
        self._budget.give_back(size)

    async def _append(self, records: list[Outgoing]) -> None:
        """Append, again and again: until the log confirms, the bridge gets no acknowledgement and keeps everything."""
        attempt = 0
        while True:
            try:
                await self._log.append_many(records)
            except TransientError as error:
                if attempt == 0:
                    _log.warning("event log does not take batches", action="append", error=str(error))
                await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
                attempt += 1
            else:
                if attempt:
                    _log.info("event log takes batches again", action="append", attempts=attempt + 1)
                return
