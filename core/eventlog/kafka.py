"""The event log in Apache Kafka, through kafka-python's synchronous client in threads."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from core.contracts.batch import Headers
from core.errors import InputError, NotFoundError, TerminalError, TransientError
from core.eventlog.kafka_group import KafkaMembership
from core.eventlog.kafka_reader import KafkaReader
from core.eventlog.log import Outgoing, Record, partition_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the client's own use of importlib.resources
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.errors import (
        KafkaError,
        MessageSizeTooLargeError,
        TopicAlreadyExistsError,
        UnknownTopicOrPartitionError,
    )
    from kafka.structs import TopicPartition

_T = TypeVar("_T")
_MAX_MESSAGE = 64 << 20
"""Room for a batch that was refused because it is too large: it still goes to quarantine whole."""
_LATEST = -1
_LOOK_EVERY_S = 0.1
_SERVERS = re.compile(r"[^\s:,]+:\d+(,[^\s:,]+:\d+)*")
_PRODUCER: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    "batch_size": 1 << 20,
    "linger_ms": 5,
    "max_request_size": _MAX_MESSAGE,
}


class KafkaLog:
    """Implements `EventLog`; made by `open`."""

    kind = "kafka"
    needs_trim = False

    def __init__(self, servers: str, partitions: int, replication_factor: int, timeout_s: float) -> None:
        self.id = ""
        self._servers = servers
        self._timeout_s = timeout_s
        request_ms = int(timeout_s * 1000)
        self._client: dict[str, Any] = {
            "bootstrap_servers": servers.split(","),
            "bootstrap_timeout_ms": request_ms,
            "request_timeout_ms": request_ms,
            "metadata_max_age_ms": 5_000,  # the default of five minutes is how long a new tenant would wait
            "reconnect_backoff_max_ms": 1_000,
        }
        self._patience = {"max_block_ms": 2 * request_ms, "delivery_timeout_ms": 2 * request_ms}
        self._layout = {"num_partitions": partitions, "replication_factor": replication_factor}
        self._counts: dict[str, int] = {}
        # One thread each: the admin client is not made for several, and sends must not overtake each other.
        self._admin_thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-admin")
        self._send_thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-send")
        self._admin: Any = None
        self._producer: Any = None
        self._reader: KafkaReader | None = None

    @classmethod
    async def open(
        cls, servers: str, *, partitions: int = 3, replication_factor: int = 1, timeout_s: float = 10.0
    ) -> KafkaLog:
        """The log of a cluster.

        Args:
            servers: `HOST:PORT[,HOST:PORT]`.
            partitions: partitions of a topic that does not exist yet.
            replication_factor: copies kept of each.
            timeout_s: how long a broker may take to answer; an append gives up after twice that.

        Raises:
            InputError: `servers` is not `HOST:PORT[,HOST:PORT]`.
            TransientError: no broker answers there.
        """
        if not _SERVERS.fullmatch(servers):
            raise InputError("not Kafka bootstrap servers", expected="HOST:PORT[,HOST:PORT]", received=servers)
        logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what fails comes back as an error of ours
        log = cls(servers, partitions, replication_factor, timeout_s)
        try:
            cluster = await log._ask(lambda admin: admin.describe_cluster())
            log.id = f"kafka-{cluster['cluster_id']}"
        except BaseException:
            await log.close()
            raise
        return log

    async def ensure_topics(self, topics: Sequence[str]) -> None:
        configs = {"max.message.bytes": str(_MAX_MESSAGE)}

        def create(admin: Any) -> None:
            known = set(admin.list_topics())
            for topic in topics:
                if topic not in known:
                    try:
                        admin.create_topics({topic: {**self._layout, "configs": configs}}, wait_for_metadata=True)
                    except TopicAlreadyExistsError:
                        continue  # another process was quicker

        for topic in topics:
            self._counts.pop(topic, None)
        await self._ask(create)

    async def remove_topics(self, topics: Sequence[str]) -> None:
        def remove(admin: Any) -> None:
            wanted = set(topics)
            known = sorted(wanted & set(admin.list_topics()))
            if known:
                admin.delete_topics(known)
            end = time.monotonic() + self._timeout_s
            while wanted & set(admin.list_topics()):
                if time.monotonic() > end:
                    raise TransientError("topics are still being removed", where=self._servers, next_step="try again")
                time.sleep(_LOOK_EVERY_S)

        for topic in topics:
            self._counts.pop(topic, None)
        await self._ask(remove)

    async def append(self, topic: str, key: bytes, value: bytes, headers: Headers) -> tuple[int, int]:
        return (await self.append_many([Outgoing(topic, key, value, headers)]))[0]

    async def append_many(self, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
        numbers = [partition_of(record.key, await self.partitions(record.topic)) for record in records]
        loop = asyncio.get_running_loop()
        results = [loop.create_future() for _ in records]

        def send() -> None:
            producer = self._open_producer()
            for record, number, result in zip(records, numbers, results, strict=True):
                sent = producer.send(
                    record.topic, key=record.key, value=record.value, headers=record.headers, partition=number
                )
                sent.add_callback(lambda done, result=result: _settle(loop, result, (done.partition, done.offset)))
                sent.add_errback(lambda error, result=result: _settle(loop, result, error))

        try:
            with self._translated():
                await loop.run_in_executor(self._send_thread, send)
                settled = await asyncio.gather(*results, return_exceptions=True)
                failed = next((one for one in settled if isinstance(one, BaseException)), None)
                if failed is not None:
                    raise failed
        except (TransientError, TerminalError):
            # After a lost batch the numbering of the old producer has a hole; a new one begins a new count.
            producer, self._producer = self._producer, None
            if producer is not None:
                self._admin_thread.submit(producer.close, timeout=0)
            raise
        return [result.result() for result in results]

    async def partitions(self, topic: str) -> int:
        if topic not in self._counts:
            (found,) = await self._ask(lambda admin: admin.describe_topics([topic]))
            if found["error_code"] or not found["partitions"]:
                raise NotFoundError("no such topic", received=topic)
            self._counts[topic] = len(found["partitions"])
        return self._counts[topic]

    async def end_offset(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        offsets = await self._ask(lambda admin: admin.list_partition_offsets({place: _LATEST}))
        return int(offsets[place].offset)

    async def read(
        self, topic: str, partition: int, offset: int, *, max_records: int = 200, wait_s: float = 0.5
    ) -> list[Record]:
        await self.partitions(topic)
        if self._reader is None:
            self._reader = KafkaReader(self._client)
        with self._translated():
            return await self._reader.read(topic, partition, offset, max_records, wait_s)

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        end = min(before_offset, await self.end_offset(topic, partition))
        await self._ask(lambda admin: admin.delete_records({TopicPartition(topic, partition): end}))

    async def join(self, group: str) -> KafkaMembership:
        return KafkaMembership(self._client, f"goldlayer-{group}")

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        if self._reader is not None:
            await loop.run_in_executor(None, self._reader.close)
        if self._producer is not None:
            await loop.run_in_executor(self._send_thread, lambda: self._producer.close(timeout=10))
        if self._admin is not None:
            await loop.run_in_executor(self._admin_thread, self._admin.close)
        self._send_thread.shutdown(wait=False)
        self._admin_thread.shutdown(wait=False)

    def _open_producer(self) -> Any:
        if self._producer is None:
            self._producer = cast("Any", KafkaProducer)(**self._client, **_PRODUCER, **self._patience)
        return self._producer

    async def _ask(self, question: Callable[[Any], _T]) -> _T:
        """Put a question to the admin client, in its thread."""

        def ask() -> _T:
            if self._admin is None:
                self._admin = cast("Any", KafkaAdminClient)(**self._client)
            return question(self._admin)

        with self._translated():
            return await asyncio.get_running_loop().run_in_executor(self._admin_thread, ask)

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Foreign errors become ours."""
        try:
            yield
        except UnknownTopicOrPartitionError as error:
            raise NotFoundError("no such topic", where=self._servers) from error
        except MessageSizeTooLargeError as error:
            raise TerminalError("record is too large", received=str(error), where=self._servers) from error
        except (KafkaError, OSError, AssertionError) as error:
            raise TransientError(
                "Apache Kafka does not answer",
                received=str(error) or type(error).__name__,
                where=self._servers,
                next_step="start it there, or correct GOLDLAYER_EVENTLOG__KAFKA",
            ) from error


def _settle(loop: asyncio.AbstractEventLoop, result: asyncio.Future[Any], outcome: object) -> None:
    """Hand an outcome from the client's thread to the loop; a loop that is closed no longer asks."""

    def settle() -> None:
        if result.done():
            return
        if isinstance(outcome, BaseException):
            result.set_exception(outcome)
        else:
            result.set_result(outcome)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
