"""Reading many Kafka partitions through one consumer.

A consumer belongs to one thread, and a fetch waits for all its partitions at once. So one thread fetches ahead for
every partition that was ever asked for, and `read` takes from what has arrived.
"""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections import deque
from dataclasses import dataclass, field
from typing import Any, cast

from core.eventlog.log import Record

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the client's own use of importlib.resources
    from kafka import KafkaConsumer
    from kafka.errors import KafkaError
    from kafka.structs import TopicPartition

_AHEAD_BYTES = 16 << 20
_AHEAD_RECORDS = 1_000
_POLL_MS = 100
_PAUSE_S = 0.5


@dataclass(slots=True)
class _Place:
    """What was fetched ahead of one partition's reader."""

    wanted: int
    """Offset the reader is expected to ask for next."""
    seek: bool = True
    """The consumer has to go to `wanted` first; what it fetched before that is void."""
    records: deque[Record] = field(default_factory=deque[Record])
    size: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def full(self) -> bool:
        return self.size >= _AHEAD_BYTES or len(self.records) >= _AHEAD_RECORDS


class KafkaReader:
    """One consumer, its thread, and what it fetched ahead."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._places: dict[Any, _Place] = {}
        self._problem: Exception | None = None
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kafka-reader", daemon=True)
        self._thread.start()

    async def read(self, topic: str, partition: int, offset: int, max_records: int, wait_s: float) -> list[Record]:
        """Records from `offset` on; waits for the first.

        Raises:
            KafkaError: nothing has arrived, and the last fetch failed.
        """
        place = self._place(TopicPartition(topic, partition), offset)
        found = self._take(place, max_records)
        if not found and wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await place.arrived.wait()
            except TimeoutError:
                pass
            found = self._take(place, max_records)
        if not found and self._problem is not None:
            raise self._problem
        return found

    def close(self) -> None:
        """End the thread; waits for a fetch under way."""
        self._closing.set()
        self._asked.set()
        self._thread.join(timeout=10)

    def _place(self, key: Any, offset: int) -> _Place:
        with self._lock:
            place = self._places.get(key)
            if place is None:
                place = self._places[key] = _Place(wanted=offset)
                self._asked.set()
            elif place.wanted != offset:
                place.wanted, place.seek, place.size = offset, True, 0
                place.records.clear()
            return place

    def _take(self, place: _Place, max_records: int) -> list[Record]:
        with self._lock:
            taken = [place.records.popleft() for _ in range(min(max_records, len(place.records)))]
            place.size -= sum(len(record.value) for record in taken)
            if taken:
                place.wanted = taken[-1].offset + 1
            if not place.records:
                place.arrived.clear()
            return taken

    def _work(self) -> None:
        consumer: Any = None
        while not self._closing.is_set():
            try:
                if consumer is None:
                    consumer = self._open_consumer()
                if not self._steer(consumer):
                    self._asked.wait()
                    self._asked.clear()
                    continue
                fetched = consumer.poll(timeout_ms=_POLL_MS)
                self._keep(fetched)
                self._problem = None
            except (KafkaError, OSError, AssertionError) as error:
                self._problem = error
                self._closing.wait(_PAUSE_S)
        if consumer is not None:
            consumer.close(autocommit=False)

    def _open_consumer(self) -> Any:
        return cast("Any", KafkaConsumer)(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=8 << 20,
            fetch_max_wait_ms=_POLL_MS,
            **self._client,
        )

    def _steer(self, consumer: Any) -> bool:
        """Assign new partitions, go where readers ask, hold those whose reader is behind; False with nothing to do."""
        with self._lock:
            keys = list(self._places)
            if set(keys) != consumer.assignment():
                consumer.assign(keys)
                for place in self._places.values():
                    place.seek = True
                    place.records.clear()
                    place.size = 0
            for key, place in self._places.items():
                if place.seek:
                    consumer.seek(key, place.wanted)
                    place.seek = False
            full = {key for key, place in self._places.items() if place.full}
            held = consumer.paused()
            if full - held:
                consumer.pause(*(full - held))
            if held - full:
                consumer.resume(*(held - full))
        return bool(keys)

    def _keep(self, fetched: dict[Any, list[Any]]) -> None:
        with self._lock:
            for key, messages in fetched.items():
                place = self._places[key]
                if place.seek:
                    continue
                for message in messages:
                    place.records.append(
                        Record(
                            message.topic,
                            message.partition,
                            message.offset,
                            message.key,
                            message.value or b"",
                            list(message.headers),
                        )
                    )
                    place.size += len(message.value or b"")
                if messages and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(place.arrived.set)
