"""An event log in memory, for tests and trials: the same behaviour, gone with the process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.contracts.batch import Headers
from core.errors import NotFoundError
from core.eventlog.group import Shares, dealt
from core.eventlog.log import Outgoing, Record, partition_of


@dataclass(slots=True)
class _Partition:
    records: list[Record] = field(default_factory=list[Record])
    first: int = 0

    @property
    def end(self) -> int:
        return self.first + len(self.records)


class MemoryLog:
    """Topics as lists; implements `EventLog`."""

    kind = "memory"
    needs_trim = True

    def __init__(self, *, partitions: int = 3) -> None:
        self.id = f"memory-{uuid.uuid4()}"
        self._count = partitions
        self._topics: dict[str, list[_Partition]] = {}
        self._grown = asyncio.Condition()
        self._groups: dict[str, list[MemoryMembership]] = {}

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self._topics.setdefault(topic, [_Partition() for _ in range(self._count)])

    async def remove_topics(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self._topics.pop(topic, None)

    async def append(self, topic: str, key: bytes, value: bytes, headers: Headers) -> tuple[int, int]:
        return (await self.append_many([Outgoing(topic, key, value, headers)]))[0]

    async def append_many(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
        for record in records:
            self._topic(record.topic)
        placed: list[tuple[int, int]] = []
        async with self._grown:
            for record in records:
                topic = self._topic(record.topic)
                number = partition_of(record.key, len(topic))
                offset = topic[number].end
                topic[number].records.append(
                    Record(record.topic, number, offset, record.key, record.value, list(record.headers))
                )
                placed.append((number, offset))
            self._grown.notify_all()
        return placed

    async def partitions(self, topic: str) -> int:
        return len(self._topic(topic))

    async def end_offset(self, topic: str, partition: int) -> int:
        return self._topic(topic)[partition].end

    async def read(
        self, topic: str, partition: int, offset: int, *, max_records: int = 200, wait_s: float = 0.5
    ) -> list[Record]:
        place = self._topic(topic)[partition]
        async with self._grown:
            try:
                async with asyncio.timeout(wait_s):
                    await self._grown.wait_for(lambda: place.end > offset)
            except TimeoutError:
                return []
        start = max(offset - place.first, 0)
        return place.records[start : start + max_records]

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        place = self._topic(topic)[partition]
        gone = max(0, min(before_offset, place.end) - place.first)
        del place.records[:gone]
        place.first += gone

    async def join(self, group: str) -> MemoryMembership:
        return MemoryMembership(self, self._groups.setdefault(group, []))

    async def close(self) -> None:
        """Nothing to let go of."""

    def _topic(self, name: str) -> list[_Partition]:
        if name not in self._topics:
            raise NotFoundError("no such topic", received=name)
        return self._topics[name]


class MemoryMembership:
    """Implements `Membership`; all members are in this process, and each change is told at once."""

    def __init__(self, log: MemoryLog, members: list[MemoryMembership]) -> None:
        self.shares = Shares()
        self._log = log
        self._members = members
        self._counts: dict[str, int] = {}
        members.append(self)
        self._deal()

    async def carry(self, topics: Sequence[str]) -> None:
        self._counts = {topic: await self._log.partitions(topic) for topic in topics}
        self._deal()

    async def close(self) -> None:
        self._members.remove(self)
        self._deal()

    def _deal(self) -> None:
        for me, member in enumerate(self._members):
            member.shares.update(dealt(member._counts, range(len(self._members)), me))
