"""Several sink processes share the partitions; one is killed, one comes, and every reading is in the lake once."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.eventlog import EventLog, Outgoing
from core.eventlog.memory import MemoryLog
from core.settings import Settings, SinkSettings
from ingestion.lag import lag
from ingestion.sink.service import Sink
from lake.store import Lake
from lake.tables.bronze import BRIDGE_COUNTS, READINGS
from tests.core.eventlog.conftest import log_database
from tests.ingestion.conftest import counts, sample

Stamped = Callable[..., Outgoing]
SLUG = "acme-works"
LANES, BATCHES = 6, 60
SETTINGS = Settings(sink=SinkSettings(commit_interval_s=0.2, commit_rows=20, compact_interval_s=1.0, compact_files=10))

__all__ = ["log_database"]


@contextlib.asynccontextmanager
async def opened(kind: str, place: str) -> AsyncGenerator[EventLog]:
    if kind == "postgres":
        from core.eventlog.postgres import PostgresLog

        log: EventLog = await PostgresLog.open(place, partitions=3)
    else:
        from core.eventlog.kafka import KafkaLog

        log = await KafkaLog.open(place, partitions=3)
    try:
        yield log
    finally:
        await log.close()


async def serve(log: EventLog, folder: Path, stop: asyncio.Event) -> None:
    async def tenants() -> Sequence[TenantScope]:
        return [scope]

    scope = TenantScope(uuid4(), SLUG, "Acme")
    await Sink(log, Lake(str(folder), checkpoint_every=10), tenants, SETTINGS).run(stop)


def process(kind: str, place: str, folder: Path) -> None:
    """One sink process, until it is killed."""

    async def work() -> None:
        async with opened(kind, place) as log:
            await serve(log, folder, asyncio.Event())

    asyncio.run(work())


async def send(log: EventLog, stamped: Stamped, first: int, last: int) -> None:
    """Some batches of every lane, as they would come from as many bridges."""
    for seq in range(first, last + 1):
        lanes = [f"bridge-{lane}" for lane in range(LANES)]
        rows = [sample(seq * 2), sample(seq * 2 + 1)]
        await log.append_many([stamped(rows, seq, counted=counts(2), bridge=bridge) for bridge in lanes])
        await asyncio.sleep(0.01)


async def all_in(log: EventLog, lake: Lake) -> None:
    for _ in range(1200):
        if not (await lag(log, lake, [SLUG]))[SLUG]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the lake never caught up")


def judge(lake: Lake) -> None:
    tables = lake.tenant(SLUG)
    rows = tables.scan(READINGS).select("lane", "seq", "row_no").collect()
    expected = {(f"bridge-{n}/a1/readings-live", seq, row)
                for n in range(LANES) for seq in range(1, BATCHES + 1) for row in range(2)}  # fmt: skip
    assert rows.height == len(expected)
    assert set(rows.rows()) == expected
    told = tables.scan(BRIDGE_COUNTS).select(pl.col("read").sum()).collect().item()
    assert told == len(expected)


@pytest.fixture
def processes() -> Iterator[list[BaseProcess]]:
    running: list[BaseProcess] = []
    yield running
    for one in running:
        one.kill()
        one.join()


@pytest.mark.parametrize("kind", ["postgres", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_one_is_killed_and_one_comes_and_every_reading_is_there_once(
    kind: str, request: pytest.FixtureRequest, processes: list[BaseProcess], stamped: Stamped, tmp_path: Path
) -> None:
    place = (
        request.getfixturevalue("log_database") if kind == "postgres" else request.getfixturevalue("broker").bootstrap
    )
    spawning = multiprocessing.get_context("spawn")

    def begin() -> None:
        one = spawning.Process(target=process, args=(kind, place, tmp_path), daemon=True)
        one.start()
        processes.append(one)

    lake = Lake(str(tmp_path))
    async with opened(kind, place) as log:
        await log.ensure_topics(topics_of(SLUG))
        begin()
        begin()
        await send(log, stamped, 1, 20)
        await all_in(log, lake)
        sending = asyncio.create_task(send(log, stamped, 21, BATCHES))
        await asyncio.sleep(0.1)
        processes[0].kill()
        begin()
        await sending
        await all_in(log, lake)
    judge(lake)


async def test_members_come_and_go_while_data_flows(stamped: Stamped, tmp_path: Path) -> None:
    log, lake = MemoryLog(partitions=3), Lake(str(tmp_path))
    await log.ensure_topics(topics_of(SLUG))
    stops = [asyncio.Event() for _ in range(3)]
    running = [asyncio.create_task(serve(log, tmp_path, stop)) for stop in stops[:2]]
    sending = asyncio.create_task(send(log, stamped, 1, BATCHES))
    await asyncio.sleep(0.3)
    stops[0].set()
    running.append(asyncio.create_task(serve(log, tmp_path, stops[2])))
    await sending
    await all_in(log, lake)
    for stop in stops:
        stop.set()
    await asyncio.gather(*running)
    judge(lake)
