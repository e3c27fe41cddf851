"""The face of an event log: topics of numbered partitions, records that keep their order inside one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.contracts.batch import Headers
from core.eventlog.group import Membership


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way in; records of one key stay in order."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = field(default_factory=list[tuple[str, bytes]])


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the log; `offset` rises within its partition."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, the same in every log and for ever (CRC-32, as zlib computes it)."""
    return zlib.crc32(key) % partitions


class EventLog(Protocol):
    """What gateway and sink need of a log. A call that fails with `TransientError` may be made again."""

    kind: str
    """`memory`, `postgres` or `kafka`."""

    @property
    def id(self) -> str:
        """Which log this is, the same at every opening: offsets of one mean nothing in another."""
        ...

    @property
    def needs_trim(self) -> bool:
        """True if nothing but `trim` ever frees space; a log with a retention of its own says False."""
        ...

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create those that do not exist; existing ones keep their partitions.

        Also what makes a log forget a topic of the same name that was removed by another process.
        """
        ...

    async def remove_topics(self, topics: Sequence[str]) -> None:
        """Remove topics with all their records, for good; one that does not exist is passed over.

        A topic of the same name that is made later counts from 0 again.
        """
        ...

    async def append(self, topic: str, key: bytes, value: bytes, headers: Headers) -> tuple[int, int]:
        """Add one record.

        Returns:
            Partition and offset, once the record is durable.

        Raises:
            NotFoundError: the topic does not exist.
            TransientError: the log did not confirm; the record may or may not be there.
        """
        ...

    async def append_many(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
        """Add records, in order within each key; returns once all are durable.

        Raises:
            NotFoundError: a topic does not exist.
            TransientError: the log did not confirm all of them; some may be there.
        """
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            NotFoundError: the topic does not exist.
        """
        ...

    async def end_offset(self, topic: str, partition: int) -> int:
        """The offset the next record will get."""
        ...

    async def read(
        self, topic: str, partition: int, offset: int, *, max_records: int = 200, wait_s: float = 0.5
    ) -> list[Record]:
        """Records from `offset` on; waits up to `wait_s` for the first one.

        Where the offset was trimmed away, reading begins at the first record that was kept. Offsets rise but need
        not be consecutive. A partition has one reader at a time in a process.
        """
        ...

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Give up the records before an offset; for good."""
        ...

    async def join(self, group: str) -> Membership:
        """Become a member of a group that shares the partitions of topics.

        Raises:
            TransientError: the log does not answer.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; nothing acknowledged is lost."""
        ...
