"""Consumer groups: which member carries which partitions. Who carries what may be mistaken for a moment, when members
come and go; that each record lands once is not decided here, but by the transactions of the lake."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import Protocol


class Shares:
    """What one member carries, as it was told last; belongs to one event loop."""

    def __init__(self, shares: Mapping[str, frozenset[int]] | None = None) -> None:
        self._of = dict(shares or {})
        self._changed = asyncio.Event()

    def of(self, topic: str) -> frozenset[int] | None:
        """Partitions of a topic; None while the group has not decided."""
        return self._of.get(topic)

    def update(self, shares: Mapping[str, frozenset[int]]) -> None:
        """Take what the group decided."""
        if dict(shares) != self._of:
            self._of = dict(shares)
            self._changed.set()
            self._changed = asyncio.Event()

    async def other_than(self, topic: str, known: frozenset[int] | None) -> None:
        """Return as soon as the partitions of a topic are others than these."""
        while self._of.get(topic) == known:
            await self._changed.wait()


class Membership(Protocol):
    """One member of a group, from `EventLog.join` to `close`."""

    shares: Shares

    async def carry(self, topics: Sequence[str]) -> None:
        """The topics to share from now on; each must exist.

        Raises:
            TransientError: the log does not answer.
        """
        ...

    async def close(self) -> None:
        """Leave; the others take over at once."""
        ...


def dealt(counts: Mapping[str, int], members: Sequence[int], me: int) -> dict[str, frozenset[int]]:
    """The share of one member, if all of them know of the same members; each partition goes to exactly one.

    Args:
        counts: partitions by topic.
        members: numbers of all members.
        me: the number of this one.
    """
    ranked = sorted({*members, me})
    rank, size = ranked.index(me), len(ranked)
    return {
        # The topic shifts the deal, so that topics with few partitions do not all go to the first member.
        topic: frozenset(number for number in range(count) if (number + zlib.crc32(topic.encode())) % size == rank)
        for topic, count in counts.items()
    }
