"""A tenant's lake and what waits for it in the log, moved to another installation while the sink is behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from core.db import TenantScope
from core.eventlog import EventLog, Outgoing
from core.eventlog.memory import MemoryLog
from core.settings import Settings, SinkSettings
from ingestion.lag import lag
from ingestion.moving import WaitingRecords
from ingestion.sink.service import Sink
from lake.moving import LakeTables
from lake.store import Lake
from lake.tables.bronze import READINGS
from tests.ingestion.conftest import sample

ACME = TenantScope(uuid4(), "acme-works", "Acme")
Stamped = Callable[..., Outgoing]


async def sunk(log: EventLog, lake: Lake) -> None:
    """Sink until nothing waits."""

    async def tenants() -> Sequence[TenantScope]:
        return [ACME]

    stop = asyncio.Event()
    running = asyncio.create_task(
        Sink(log, lake, tenants, Settings(sink=SinkSettings(commit_interval_s=0.05))).run(stop)
    )
    await asyncio.sleep(0.2)
    stop.set()
    await running


def seqs(lake: Lake, version: int | None = None) -> list[int]:
    return lake.tenant("acme-works").scan(READINGS, version=version).collect()["seq"].sort().to_list()


class Place:
    """One installation's log and lake."""

    def __init__(self, folder: Path) -> None:
        self.log, self.lake = MemoryLog(), Lake(str(folder / "lake"), checkpoint_every=3)
        self.records, self.tables = WaitingRecords(self.log, self.lake), LakeTables(self.lake)


@pytest.fixture
async def here(tmp_path: Path, stamped: Stamped) -> Place:
    """Seven batches, five of them in the lake in several commits."""
    place = Place(tmp_path / "here")
    for first in (1, 3, 5):
        await place.log.ensure_topics(["acme-works.scada.readings"])
        await place.log.append_many([stamped([sample(n)], n) for n in range(first, min(first + 2, 6))])
        await sunk(place.log, place.lake)
    await place.log.append_many([stamped([sample(n)], n) for n in (6, 7)])
    return place


async def test_what_waits_and_what_is_there_arrive_once_each(here: Place, tmp_path: Path) -> None:
    for name in ("log", "lake"):
        (tmp_path / "out" / name).mkdir(parents=True)
    waiting = await here.records.export(ACME, tmp_path / "out" / "log")
    # The log was copied first; what the sink takes in meanwhile is in both.
    await sunk(here.log, here.lake)
    copied = await here.tables.export(ACME, tmp_path / "out" / "lake")
    there = Place(tmp_path / "there")

    tables = await there.tables.restore(ACME, tmp_path / "out" / "lake")
    records = await there.records.restore(ACME, tmp_path / "out" / "log")

    assert (waiting["scada.readings"].rows, copied["bronze/readings"].rows) == (2, 7)
    assert "offsets" in str(waiting["scada.readings"].position)
    assert {name: (one.rows, one.checksum) for name, one in copied.items()} == {
        name: (one.rows, one.checksum) for name, one in tables.items()
    }
    assert {name: (one.rows, one.checksum) for name, one in waiting.items()} == {
        name: (one.rows, one.checksum) for name, one in records.items()
    }
    await sunk(there.log, there.lake)
    assert seqs(there.lake) == [1, 2, 3, 4, 5, 6, 7]
    assert await lag(there.log, there.lake, ["acme-works"]) == {"acme-works": 0}
    earlier = here.lake.tenant("acme-works").version(READINGS)
    assert earlier is not None
    for version in range(earlier):
        assert seqs(there.lake, version) == seqs(here.lake, version)


async def test_a_lake_copied_while_commits_come_in_is_of_one_version(
    here: Place, tmp_path: Path, stamped: Stamped
) -> None:
    (tmp_path / "out").mkdir()
    busy = asyncio.create_task(here.tables.export(ACME, tmp_path / "out"))
    for n in range(8, 14):
        await here.log.append_many([stamped([sample(n)], n)])
        await sunk(here.log, here.lake)
    copied = await busy
    there = Place(tmp_path / "there")

    tables = await there.tables.restore(ACME, tmp_path / "out")

    version = int(str(copied["bronze/readings"].position).removeprefix("version "))
    assert seqs(there.lake) == seqs(here.lake, version)
    assert tables["bronze/readings"].rows == copied["bronze/readings"].rows == len(seqs(there.lake))


async def test_back_in_the_same_log_the_lake_reads_from_its_beginning(here: Place, tmp_path: Path) -> None:
    for name in ("log", "lake"):
        (tmp_path / name).mkdir()
    await here.records.export(ACME, tmp_path / "log")
    await here.tables.export(ACME, tmp_path / "lake")
    assert await here.records.remains(ACME) is not None
    assert await here.tables.remains(ACME) is not None
    await here.records.remove(ACME)
    await here.tables.remove(ACME)
    assert (await here.records.remains(ACME), await here.tables.remains(ACME)) == (None, None)

    await here.tables.restore(ACME, tmp_path / "lake")
    await here.records.restore(ACME, tmp_path / "log")
    await sunk(here.log, here.lake)

    assert seqs(here.lake) == [1, 2, 3, 4, 5, 6, 7]
