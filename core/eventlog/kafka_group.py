"""A member of a Kafka consumer group that only wants to know its share.

The broker deals the partitions; reading is done elsewhere, at the offsets of the lake, so what was dealt is paused here
and nothing is fetched or committed. The client heartbeats in a thread of its own; all else belongs to one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from core.eventlog.group import Shares
from core.log import get_logger

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the client's own use of importlib.resources
    from kafka import ConsumerRebalanceListener, KafkaConsumer
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.errors import KafkaError

_POLL_MS = 200
_PAUSE_S = 0.5
_SESSION_MS = 6_000
"""A member that died is missed after this; brokers take no less by default."""
_HEARTBEAT_MS = 1_500
_UNDEALT_S = 60.0
"""A member that waits longer for a deal joins anew: the dead are missed within `_SESSION_MS`, the living answer."""
_log = get_logger("eventlog")


class _Dealt(ConsumerRebalanceListener):
    """Knows whether the group has dealt the topics at all: a member may well get none."""

    def __init__(self) -> None:
        self.once = False
        self._waits_since: float | None = time.monotonic()

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002  the client's face
        self.once = True
        self._waits_since = None

    def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002
        """The next deal says what is left."""
        self._waits_since = time.monotonic()

    @property
    def joining(self) -> bool:
        """A deal is asked for and has not come."""
        return self._waits_since is not None

    @property
    def overdue(self) -> bool:
        """The group has been silent for so long that something is wrong."""
        return self._waits_since is not None and time.monotonic() - self._waits_since > _UNDEALT_S


class KafkaMembership:
    """Implements `Membership`."""

    def __init__(self, client: dict[str, Any], group: str) -> None:
        self.shares = Shares()
        self._client = client
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._topics: tuple[str, ...] = ()
        self._asked = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"kafka-group-{group}", daemon=True)
        self._thread.start()

    async def carry(self, topics: Sequence[str]) -> None:
        self._topics = tuple(sorted(topics))
        self._asked.set()

    async def close(self) -> None:
        self._closing.set()
        self._asked.set()
        await self._loop.run_in_executor(None, self._thread.join, 10)

    def _work(self) -> None:
        consumer: Any = None
        subscribed: tuple[str, ...] = ()
        dealt = _Dealt()
        while not self._closing.is_set():
            wanted = self._topics
            if not wanted:
                self._tell({})
                self._asked.wait()
                self._asked.clear()
                continue
            try:
                if consumer is None:
                    consumer = self._open_consumer()
                if wanted != subscribed:
                    dealt = _Dealt()
                    consumer.subscribe(topics=list(wanted), listener=dealt)
                    subscribed = wanted
                consumer.poll(timeout_ms=_POLL_MS)
                _hold(consumer)
                if dealt.joining:
                    _insist(consumer)
                if dealt.once:
                    self._tell(_share(consumer, wanted))
            except (KafkaError, OSError, AssertionError) as error:
                _log.warning("group does not answer", action="share", group=self._group, error=str(error))
                self._closing.wait(_PAUSE_S)
            if dealt.overdue:
                _log.warning("group deals nothing; joined anew", action="join", group=self._group, topics=len(wanted))
                _leave(consumer)
                consumer, subscribed, dealt = None, (), _Dealt()
        _leave(consumer)

    def _tell(self, shares: dict[str, frozenset[int]]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.shares.update, shares)

    def _open_consumer(self) -> Any:
        return cast("Any", KafkaConsumer)(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            **self._client,
        )


def _insist(consumer: Any) -> None:
    """Have the client finish a join that outlives one poll.

    It asks whether it needs to join before it takes the answer to a join, and what it began because topics or
    partitions are others it then no longer needs (kafka-python 3.0): the answer is never taken, and nothing is carried.
    """
    consumer._coordinator.request_rejoin()  # its public face has no word for it


def _leave(consumer: Any) -> None:
    """Tell the group, if it can be told; one that hears nothing misses the member soon."""
    if consumer is not None:
        with contextlib.suppress(KafkaError, OSError, AssertionError):
            consumer.close(autocommit=False, timeout_ms=2_000)


def _hold(consumer: Any) -> None:
    """Fetch nothing of what was dealt."""
    fetching = consumer.assignment() - consumer.paused()
    if fetching:
        consumer.pause(*fetching)


def _share(consumer: Any, topics: Sequence[str]) -> dict[str, frozenset[int]]:
    mine: dict[str, set[int]] = defaultdict(set)
    for place in consumer.assignment():
        mine[place.topic].add(place.partition)
    return {topic: frozenset(mine[topic]) for topic in topics}
