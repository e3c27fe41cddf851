"""A member of a consumer group of the PostgreSQL log: it sees who is there and computes what its share is."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from core.db.presence import Presence
from core.errors import TransientError
from core.eventlog.group import Shares, dealt
from core.log import get_logger

_LOOK_EVERY_S = 1.0
_log = get_logger("eventlog")


class PostgresMembership:
    """Implements `Membership`; while the server does not answer, the share stays what it was."""

    def __init__(self, dsn: str, group: str, partitions: Callable[[str], Awaitable[int]]) -> None:
        self.shares = Shares()
        self._presence = Presence(dsn, zlib.crc32(group.encode()) & 0x7FFFFFFF)
        self._partitions = partitions
        self._counts: dict[str, int] = {}
        self._members = 0
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def join(cls, dsn: str, group: str, partitions: Callable[[str], Awaitable[int]]) -> PostgresMembership:
        """A member that the others see when this returns.

        Raises:
            TransientError: the server does not answer.
        """
        membership = cls(dsn, group, partitions)
        await membership._look()
        membership._watching = asyncio.create_task(membership._watch(), name=f"group {group}")
        return membership

    async def carry(self, topics: Sequence[str]) -> None:
        self._counts = {topic: await self._partitions(topic) for topic in topics}
        await self._look()

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._presence.close()

    async def _look(self) -> None:
        me, members = await self._presence.look()
        if len(members) != self._members:
            self._members = len(members)
            _log.info("members of the group have changed", action="share", members=self._members)
        self.shares.update(dealt(self._counts, members, me))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            with suppress(TransientError):
                await self._look()
