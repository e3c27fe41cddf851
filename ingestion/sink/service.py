"""The sink process: every topic of every tenant, new tenants as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.errors import GoldlayerError
from core.eventlog import EventLog, Membership, Shares
from core.log import get_logger
from core.settings import Settings
from ingestion.lag import lag
from ingestion.sink.checks import TimeLimits
from ingestion.sink.job import Job
from ingestion.sink.round import Round
from ingestion.sink.route import routes_of
from ingestion.sink.upkeep import keep_compact
from lake.store import Lake

_DISCOVER_EVERY_S = 1.0
"""How soon a new tenant is served, and one that was suspended no longer."""
_LAG_EVERY_S = 30.0
_GROUP = "sink"
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_TOLD_EVERY = 6
"""Attempts between two words about a topic that does not go on: about a minute."""
_log = get_logger("sink")

Tenants = Callable[[], Awaitable[Sequence[TenantScope]]]
"""The tenants that are active, asked again and again."""


async def sink_topic(job: Job, stop: asyncio.Event, shares: Shares) -> None:
    """Sink this process's share until `stop`, then what the log held at that moment; returns when it is in the lake.

    Any error ends a round, and so does another share: everything remembered is thrown away, and the next round begins
    where the lake says.
    """
    attempt = 0
    topic = job.route.topic
    while True:
        mine = shares.of(topic)
        if not mine:
            if stop.is_set() and mine is not None:
                return
            await _first(shares.other_than(topic, mine), stop.wait() if mine is not None else asyncio.Event().wait())
            continue
        one = Round(job, stop, mine)
        try:
            if await _first(one.run(), shares.other_than(topic, mine)) == 0:
                return
            _log.info("share has changed", action="share", partitions=sorted(shares.of(topic) or ()), **job.facts)
        except GoldlayerError as error:
            attempt = 0 if one.commits else attempt
            if attempt % _TOLD_EVERY == 0:
                facts = {**job.facts, "attempt": attempt + 1}
                _log.warning("sink begins again where the lake is", action="restart", error=str(error), **facts)
            await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
            attempt += 1


async def _first(*works: Coroutine[object, object, object]) -> int:
    """Run several until one ends, let go of the others and wait for their end; which one it was.

    Raises:
        GoldlayerError: what that one raised.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first = next(index for index, task in enumerate(tasks) if task in done)
    await tasks[first]
    return first


class Sink:
    """One process for all tenants, or its share of them: processes of one log divide the partitions among themselves.

    Args:
        log: the event log.
        lake: the lake.
        tenants: lists the tenants.
        settings: commit size and interval, limits of source time.
        drain_s: how long a stop waits for the log's remains; what is left is read at the next start.
    """

    def __init__(
        self, log: EventLog, lake: Lake, tenants: Tenants, settings: Settings, *, drain_s: float = 60.0
    ) -> None:
        self._log = log
        self._lake = lake
        self._tenants = tenants
        self._settings = settings
        self._limits = TimeLimits.of(settings.lake.first_day, settings.sink.max_ahead_s)
        self._drain_s = drain_s
        self._running: dict[TenantScope, list[asyncio.Task[None]]] = {}
        self._group: Membership | None = None
        self._carried: frozenset[str] = frozenset()

    @property
    def served(self) -> frozenset[str]:
        """Slugs of the tenants whose records are carried now."""
        return frozenset(scope.slug for scope in self._running)

    async def run(self, stop: asyncio.Event) -> None:
        """Sink until `stop`, then drain what the log holds."""
        try:
            await self._serve(stop)
        finally:
            if self._group is not None:
                await self._group.close()

    async def _serve(self, stop: asyncio.Event) -> None:
        lag_at = 0.0
        loop = asyncio.get_running_loop()
        last_look = False
        while not last_look:
            # A tenant that came while we slept is drained too: the last look is taken after the word to stop.
            last_look = stop.is_set()
            try:
                await self._discover(stop)
                if loop.time() - lag_at >= _LAG_EVERY_S:
                    lag_at = loop.time()
                    waiting = await lag(self._log, self._lake, self.served)
                    _log.info("records wait in the log", action="lag", records=waiting)
            except GoldlayerError as error:
                _log.warning("platform or log does not answer", action="discover", error=str(error))
            self._raise_mistakes()
            await _sleep(stop, _DISCOVER_EVERY_S)
        await self._drain()

    async def _discover(self, stop: asyncio.Event) -> None:
        group = self._group = self._group or await self._log.join(_GROUP)
        active = await self._tenants()
        for scope in set(self._running) - set(active):
            await self._release(scope)
        for scope in active:
            if scope in self._running:
                continue
            await self._log.ensure_topics(topics_of(scope.slug))
            lake = self._lake.tenant(scope.slug)
            routes = routes_of(scope.slug)
            jobs = [Job(scope.slug, route, self._log, lake, self._limits, self._settings.sink) for route in routes]
            self._running[scope] = [
                asyncio.create_task(sink_topic(job, stop, group.shares), name=f"sink {job.route.topic}") for job in jobs
            ]
            upkeep = keep_compact(scope.slug, lake, group.shares, self._settings.sink, stop)
            self._running[scope].append(asyncio.create_task(upkeep, name=f"compact {scope.slug}"))
            _log.info("tenant is served", action="discover", tenant=scope.slug)
        if self.served != self._carried:
            served = self.served
            await group.carry([route.topic for slug in sorted(served) for route in routes_of(slug)])
            self._carried = served

    async def _release(self, scope: TenantScope) -> None:
        """Let go of a tenant that is no longer active: its records stay in the log, and nothing is drained."""
        tasks = self._running.pop(scope)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _log.info("tenant is no longer served", action="release", tenant=scope.slug)

    def _raise_mistakes(self) -> None:
        """A task that ended before the stop met an error that is no error of ours to expect."""
        for tasks in self._running.values():
            for task in tasks:
                if task.done():
                    task.result()

    async def _drain(self) -> None:
        tasks = [task for tasks in self._running.values() for task in tasks]
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=self._drain_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in done:
            task.result()
        say = _log.warning if late else _log.info
        say("sink has stopped", action="stop", undrained=sorted(task.get_name() for task in late))


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
