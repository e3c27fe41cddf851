"""The sink process on real Delta tables: discovers tenants, commits, drains, starts again where the lake is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.errors import NotFoundError, TransientError
from core.eventlog import EventLog, Outgoing
from core.eventlog.memory import MemoryLog
from core.settings import Settings, SinkSettings
from ingestion.lag import lag
from ingestion.sink.service import Sink
from lake.store import Lake
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, READINGS
from tests.ingestion.conftest import counts, event, sample

Stamped = Callable[..., Outgoing]
ACME = TenantScope(uuid4(), "acme-works", "Acme")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog(partitions=2)
    await log.ensure_topics(topics_of("acme-works"))
    return log


def sink(log: EventLog, lake: Lake, **settings: float) -> Sink:
    async def tenants() -> Sequence[TenantScope]:
        return [ACME]

    return Sink(log, lake, tenants, Settings(sink=SinkSettings.model_validate(settings)))


async def drained(log: EventLog, lake: Lake, **settings: float) -> None:
    """A sink that is told to stop as soon as it serves the tenant, and so drains what the log holds."""
    stop = asyncio.Event()
    running = asyncio.create_task(sink(log, lake, **settings).run(stop))
    await asyncio.sleep(0.05)
    stop.set()
    await running


async def until_in_the_lake(log: EventLog, lake: Lake) -> None:
    for _ in range(1200):
        if not (await lag(log, lake, ["acme-works"]))["acme-works"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the lake never caught up")


async def test_a_stop_drains_what_the_log_holds(log: MemoryLog, lake: Lake, stamped: Stamped) -> None:
    await log.append_many([stamped([sample(n)], n, counted=counts(1)) for n in range(1, 41)])
    await log.append_many([stamped([event(n)], n) for n in range(1, 4)])
    assert await lag(log, lake, ["acme-works"]) == {"acme-works": 43}
    await drained(log, lake, commit_interval_s=3600)
    tables = lake.tenant("acme-works")
    assert tables.scan(READINGS).collect()["seq"].sort().to_list() == list(range(1, 41))
    assert tables.scan(EVENTS).collect().height == 3
    assert tables.scan(BRIDGE_COUNTS).collect()["read"].sum() == 40
    assert await lag(log, lake, ["acme-works"]) == {"acme-works": 0}


async def test_commits_come_by_size_and_by_time(log: MemoryLog, lake: Lake, stamped: Stamped) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(sink(log, lake, commit_rows=10, commit_interval_s=0.1).run(stop))
    await log.append_many([stamped([sample(n), sample(-n)], n) for n in range(1, 11)])
    await until_in_the_lake(log, lake)
    after_first = lake.tenant("acme-works").version(READINGS)
    await log.append_many([stamped([sample(11)], 11)])
    await until_in_the_lake(log, lake)
    assert lake.tenant("acme-works").version(READINGS) == after_first + 1
    stop.set()
    await running
    assert lake.tenant("acme-works").scan(READINGS).collect().height == 21


async def test_the_next_start_goes_on_where_the_lake_is(log: MemoryLog, lake: Lake, stamped: Stamped) -> None:
    for first in (1, 6, 11):
        await log.append_many([stamped([sample(n)], n) for n in range(max(1, first - 2), first + 5)])
        await drained(log, lake)
    assert lake.tenant("acme-works").scan(READINGS).collect()["seq"].sort().to_list() == list(range(1, 16))


@pytest.mark.parametrize("same_id", [True, False])
async def test_a_log_that_was_lost_is_read_from_its_beginning(
    log: MemoryLog, lake: Lake, stamped: Stamped, same_id: bool
) -> None:
    """A log restored empty keeps its id, a new one has its own; lanes tell what is known either way."""
    await log.append_many([stamped([sample(n)], n) for n in range(1, 6)])
    await drained(log, lake)
    fresh = MemoryLog(partitions=2)
    fresh.id = log.id if same_id else fresh.id
    await fresh.ensure_topics(topics_of("acme-works"))
    await fresh.append_many([stamped([sample(n)], n) for n in (5, 6)])
    await drained(fresh, lake)
    await fresh.append_many([stamped([sample(n)], n) for n in (7, 8)])
    await drained(fresh, lake)
    assert lake.tenant("acme-works").scan(READINGS).collect()["seq"].sort().to_list() == list(range(1, 9))


async def test_a_log_that_fails_and_comes_back_costs_nothing(lake: Lake, stamped: Stamped) -> None:
    class Flaky(MemoryLog):
        failures = 3

        async def read(self, *args, **options):
            if Flaky.failures:
                Flaky.failures -= 1
                raise TransientError("log is down")
            return await super().read(*args, **options)

    log = Flaky(partitions=2)
    await log.ensure_topics(topics_of("acme-works"))
    await log.append_many([stamped([sample(n)], n) for n in range(1, 6)])
    await drained(log, lake)
    assert Flaky.failures == 0
    assert lake.tenant("acme-works").scan(READINGS).collect()["seq"].sort().to_list() == [1, 2, 3, 4, 5]


async def test_tenants_that_come_later_are_served(lake: Lake) -> None:
    log = MemoryLog()
    await drained(log, lake)
    assert await log.partitions("acme-works.scada.readings") == 3
    assert await lag(log, lake, ["nobody-yet"]) == {"nobody-yet": 0}


async def test_a_suspended_tenant_keeps_its_records_in_the_log_and_loses_none(
    log: MemoryLog, lake: Lake, stamped: Stamped
) -> None:
    active = [ACME]

    async def tenants() -> Sequence[TenantScope]:
        return list(active)

    stop = asyncio.Event()
    service = Sink(log, lake, tenants, Settings(sink=SinkSettings(commit_interval_s=0.05)))
    running = asyncio.create_task(service.run(stop))
    await log.append_many([stamped([sample(n)], n) for n in range(1, 6)])
    await until_in_the_lake(log, lake)
    active.clear()
    await until_let_go(service)
    await log.append_many([stamped([sample(n)], n) for n in range(6, 11)])
    assert await lag(log, lake, ["acme-works"]) == {"acme-works": 5}
    version = lake.tenant("acme-works").version(READINGS)
    active.append(TenantScope(uuid4(), "beta-works", "Beta"))
    await until_served(log, "beta-works.scada.readings")
    assert lake.tenant("acme-works").version(READINGS) == version
    active.append(ACME)
    await until_in_the_lake(log, lake)
    stop.set()
    await running
    assert lake.tenant("acme-works").scan(READINGS).collect()["seq"].sort().to_list() == list(range(1, 11))


async def until_let_go(service: Sink) -> None:
    for _ in range(1200):
        if not service.served:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the tenant is still served")


async def until_served(log: EventLog, topic: str) -> None:
    for _ in range(1200):
        try:
            await log.partitions(topic)
        except NotFoundError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the tenant is not served")
