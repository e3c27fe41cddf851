"""The event log in a PostgreSQL database of its own: durable, ordered, on one machine."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from core.contracts.batch import Headers
from core.db.database import Database
from core.db.listener import Listener
from core.db.queries import load_queries
from core.errors import NotFoundError, TransientError
from core.eventlog.log import Outgoing, Record, partition_of
from core.eventlog.postgres_group import PostgresMembership

_SQL = load_queries("core.eventlog")
_SCHEMA = (
    "create_log",
    "name_log",
    "create_topics",
    "create_partitions",
    "create_records",
    "store_plainly",
)
_READ_BYTES = 32 << 20
_RECORD_COLUMNS = ("partition_id", "position", "key", "value", "headers")


class PostgresLog:
    """Implements `EventLog`; made by `open`."""

    kind = "postgres"
    needs_trim = True

    def __init__(self, database: Database, dsn: str, identity: str, partitions: int) -> None:
        self.id = f"postgres-{identity}"
        self._database = database
        self._dsn = dsn
        self._count = partitions
        self._ids: dict[str, list[int]] = {}
        self._grown: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._listening: asyncio.Task[Listener] | None = None

    @classmethod
    async def open(cls, dsn: str, *, partitions: int = 3) -> PostgresLog:
        """The log of a database, its tables created if they are not there.

        Raises:
            TransientError: the server cannot be reached.
        """
        database = await Database.open(dsn)
        try:
            async with database.transaction() as transaction:
                await transaction.execute(_SQL["lock_schema"])
                if not await transaction.fetchval(_SQL["has_schema"]):
                    for name in _SCHEMA:
                        await transaction.execute(_SQL[name])
                identity = await transaction.fetchval(_SQL["find_log"])
        except BaseException:
            await database.close()
            raise
        return cls(database, dsn, identity, partitions)

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        for topic in topics:
            self._ids.pop(topic, None)
        known = {row["name"] for row in await self._database.fetch(_SQL["existing_topics"], list(topics))}
        if known >= set(topics):
            return
        async with self._database.transaction() as transaction:
            for topic in sorted(set(topics) - known):
                await transaction.execute(_SQL["add_topic"], topic, self._count)
                await transaction.execute(_SQL["add_partitions"], topic)

    async def remove_topics(self, topics: Sequence[str]) -> None:
        async with self._database.transaction() as transaction:
            for topic in sorted(topics):
                for row in await transaction.fetch(_SQL["find_partitions"], topic):
                    await transaction.execute(_SQL["lock_partition"], row["id"])
                await transaction.execute(_SQL["remove_records"], topic)
                await transaction.execute(_SQL["remove_partitions"], topic)
                await transaction.execute(_SQL["remove_topic"], topic)
                self._ids.pop(topic, None)

    async def append(self, topic: str, key: bytes, value: bytes, headers: Headers) -> tuple[int, int]:
        return (await self.append_many([Outgoing(topic, key, value, headers)]))[0]

    async def append_many(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
        if not records:
            return []
        placed: list[tuple[int, int]] = [(0, 0)] * len(records)
        groups: dict[int, list[int]] = defaultdict(list)
        for index, record in enumerate(records):
            ids = await self._partition_ids(record.topic)
            number = partition_of(record.key, len(ids))
            placed[index] = (number, 0)
            groups[ids[number]].append(index)
        async with self._database.transaction() as transaction:
            for partition_id in sorted(groups):
                await transaction.execute(_SQL["lock_partition"], partition_id)
            for partition_id, indexes in sorted(groups.items()):
                first = await transaction.fetchval(_SQL["take_offsets"], partition_id, len(indexes))
                if first is None:
                    raise self._removed(records[indexes[0]].topic)
                for offset, index in enumerate(indexes, start=int(first)):
                    placed[index] = (placed[index][0], offset)
                rows = [
                    (partition_id, placed[i][1], records[i].key, records[i].value, _write_headers(records[i].headers))
                    for i in indexes
                ]
                await transaction.copy_rows("public", "records", _RECORD_COLUMNS, rows)
        with suppress(TransientError):  # the records are in; readers look again by themselves
            await self._database.execute(_SQL["wake"], sorted(groups))
        return placed

    async def partitions(self, topic: str) -> int:
        return len(await self._partition_ids(topic))

    async def end_offset(self, topic: str, partition: int) -> int:
        ids = await self._partition_ids(topic)
        end = await self._database.fetchval(_SQL["end_offset"], ids[partition])
        if end is None:
            raise self._removed(topic)
        return int(end)

    async def read(
        self, topic: str, partition: int, offset: int, *, max_records: int = 200, wait_s: float = 0.5
    ) -> list[Record]:
        partition_id = (await self._partition_ids(topic))[partition]
        await self._listen()
        grown = self._grown[partition_id]
        grown.clear()
        found = await self._fetch(topic, partition, partition_id, offset, max_records)
        if found or wait_s <= 0:
            return found
        try:
            async with asyncio.timeout(wait_s):
                await grown.wait()
        except TimeoutError:
            return []  # should a notification have been missed, the next call looks first
        return await self._fetch(topic, partition, partition_id, offset, max_records)

    async def _fetch(
        self, topic: str, partition: int, partition_id: int, offset: int, max_records: int
    ) -> list[Record]:
        rows = await self._database.fetch(_SQL["read"], partition_id, offset, max_records, _READ_BYTES)
        return [
            Record(topic, partition, row["position"], row["key"], row["value"], _read_headers(row["headers"]))
            for row in rows
        ]

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        ids = await self._partition_ids(topic)
        await self._database.execute(_SQL["trim"], ids[partition], before_offset)

    async def join(self, group: str) -> PostgresMembership:
        return await PostgresMembership.join(self._dsn, group, self.partitions)

    async def close(self) -> None:
        if self._listening is not None:
            await asyncio.wait([self._listening])
        await self._database.close()

    async def _partition_ids(self, topic: str) -> list[int]:
        if topic not in self._ids:
            rows = await self._database.fetch(_SQL["find_partitions"], topic)
            if not rows:
                raise NotFoundError("no such topic", received=topic)
            self._ids[topic] = [row["id"] for row in rows]
        return self._ids[topic]

    def _removed(self, topic: str) -> TransientError:
        """Another process removed the topic; whoever tries again finds the one of that name that is there now."""
        self._ids.pop(topic, None)
        return TransientError("the topic was removed", where=topic, next_step="try again")

    async def _listen(self) -> None:
        """Listen once, whoever reads first; others wait for it."""
        if self._listening is None or (self._listening.done() and self._listening.exception() is not None):
            self._listening = asyncio.create_task(self._database.listen("eventlog", self._wake))
        await asyncio.shield(self._listening)

    def _wake(self, payload: str) -> None:
        """Wake the readers of a partition; of all if the listener says that it may have missed some."""
        events = [self._grown[int(payload)]] if payload else list(self._grown.values())
        for event in events:
            event.set()


def _write_headers(headers: Headers) -> str:
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers])


def _read_headers(text: str) -> Headers:
    return [(name, value.encode("latin-1")) for name, value in json.loads(text)]
