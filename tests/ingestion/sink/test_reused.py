"""A number used again: a resend is dropped, other content under it is kept apart, whatever the sink remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.eventlog import Outgoing
from core.eventlog.memory import MemoryLog
from core.settings import Settings
from ingestion.quarantine import refused
from ingestion.sink.reused import REASON
from ingestion.sink.service import Sink
from lake.store import Lake, TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, GAPS, QUARANTINE, READINGS
from tests.ingestion.conftest import RECEIVED, Maker, counts, event, gap, sample

Stamped = Callable[..., Outgoing]
ACME = TenantScope(uuid4(), "acme-works", "Acme")
LANE = "plant-a-bridge/a1/readings-live"


class Road:
    """A log, and sinks that empty it into the lake, each a process of its own."""

    def __init__(self, root: Path) -> None:
        self.log = MemoryLog(partitions=1)
        self.lake = Lake(str(root))

    @property
    def tables(self) -> TenantLake:
        return self.lake.tenant("acme-works")

    async def carry(self, *records: Outgoing) -> None:
        await self.log.ensure_topics(topics_of("acme-works"))
        await self.log.append_many(list(records))

        async def tenants() -> Sequence[TenantScope]:
            return [ACME]

        stop = asyncio.Event()
        running = asyncio.create_task(Sink(self.log, self.lake, tenants, Settings()).run(stop))
        await asyncio.sleep(0.05)
        stop.set()
        await running

    def apart(self) -> list[tuple[object, ...]]:
        """Lane, number, row and reason of what is kept apart."""
        rows = self.tables.scan(QUARANTINE).collect().sort("lane", "seq", "row_no")
        return rows.select("lane", "seq", "row_no", "reason").rows()


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path)


def every_kind(stamped: Stamped, batch: Maker) -> list[Outgoing]:
    """Good, partly rejected, empty, unreadable and refused batches, of every kind of lane."""
    tombstoned = refused(batch([sample(9)], 5, tenant="acme-works", received_at=RECEIVED)[0], b"whatever", "too large")
    return [
        stamped([sample(0), sample(1)], 1, counted=counts(2)),
        stamped([sample(2, float("nan")), sample(3)], 2, counted=counts(2)),
        stamped([], 3, counted=counts(0)),
        stamped([sample(5)], 4, payload=b"rubbish"),
        *tombstoned,
        stamped([], 6),
        stamped([event(0), event(1, ts_us=-5)], 1, counted=counts(1, "rule:too_hot")),
        stamped([gap(0), gap(1, from_us=-1)], 1),
    ]


async def test_a_resend_is_dropped_by_a_sink_that_remembers_and_by_one_that_asks_the_lake(
    road: Road, stamped: Stamped, batch: Maker
) -> None:
    records = every_kind(stamped, batch)
    specs = (READINGS, EVENTS, GAPS, BRIDGE_COUNTS, QUARANTINE)
    await road.carry(*records, *records)
    once = {spec.name: road.tables.scan(spec).collect() for spec in specs}
    assert [frame.height for frame in once.values()] == [3, 1, 1, 4, 5]
    await road.carry(*records)
    for spec in specs:
        assert road.tables.scan(spec).collect().height == once[spec.name].height


async def test_other_content_under_a_known_number_is_kept_apart_with_its_books_and_only_once(
    road: Road, stamped: Stamped, capsys: pytest.CaptureFixture[str]
) -> None:
    first = [stamped([sample(n)], n, counted=counts(1)) for n in range(1, 6)]
    again = [stamped([sample(n + 100), sample(n + 200)], n, counted=counts(2)) for n in range(4, 8)]
    await road.carry(*first, *again)
    assert road.apart() == [(f"reused/{LANE}", seq, row, REASON) for seq in (4, 5) for row in (0, 1)]
    assert "".join(capsys.readouterr()).count("used again with other content") == 1
    await road.carry(*again, *first)
    assert len(road.apart()) == 4
    rows = road.tables.scan(READINGS).collect()
    assert sorted(rows["seq"]) == [1, 2, 3, 4, 5, 6, 6, 7, 7]
    books = road.tables.scan(BRIDGE_COUNTS).collect()
    assert (books["forwarded"].sum(), books.filter(pl.col("lane") == f"reused/{LANE}")["forwarded"].sum()) == (13, 4)
    third = stamped([sample(300)], 4, counted=counts(1))
    await road.carry(third)
    await road.carry(third)
    assert road.apart()[4:] == [(f"reused/reused/{LANE}", 4, 0, REASON)]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param([sample(0), sample(1, 2.0)], id="another value"),
        pytest.param([sample(0)], id="a row less"),
        pytest.param([sample(0), sample(1), sample(2)], id="a row more"),
        pytest.param([sample(0), sample(86_400)], id="another day"),
        pytest.param([sample(0), sample(1, None, text="1.0")], id="a text"),
    ],
)
async def test_the_lake_tells_any_difference(road: Road, stamped: Stamped, changed: list[object]) -> None:
    await road.carry(stamped([sample(0), sample(1)], 1))
    await road.carry(stamped(changed, 1))
    assert road.apart() == [(f"reused/{LANE}", 1, row, REASON) for row in range(len(changed))]
    assert road.tables.scan(READINGS).collect().height == 2


async def test_what_cannot_be_read_and_what_only_counts_are_told_apart_too(road: Road, stamped: Stamped) -> None:
    await road.carry(stamped([], 1, counted=counts(1)), stamped([sample(0)], 2), stamped([sample(1, None)], 3))
    await road.carry(
        stamped([], 1, counted=counts(2)), stamped([sample(0)], 2, payload=b"rubbish"), stamped([sample(5, None)], 3)
    )
    assert [(seq, row, reason.startswith(REASON)) for lane, seq, row, reason in road.apart() if "reused" in lane] == [
        (1, None, True),
        (2, None, True),
        (3, 0, True),
    ]


async def test_a_refused_batch_under_a_known_number_is_kept_as_well(road: Road, batch: Maker) -> None:
    def refusal(second: int, seq: int) -> list[Outgoing]:
        header, payload = batch([sample(second)], seq, tenant="acme-works", received_at=RECEIVED)
        return refused(header, payload, "not contracted")

    await road.carry(*refusal(0, 1), *refusal(1, 2))
    await road.carry(*refusal(7, 1), *refusal(1, 2))
    assert road.apart() == [
        (f"refused/{LANE}", 1, 0, "not contracted"),
        (f"refused/{LANE}", 2, 0, "not contracted"),
        (f"reused/refused/{LANE}", 1, 0, f"{REASON}; not contracted"),
    ]


async def test_a_number_of_the_lake_under_which_the_gateway_refuses_other_content_names_two_batches(
    road: Road, stamped: Stamped, batch: Maker
) -> None:
    await road.carry(stamped([sample(0, float("nan")), sample(1)], 1, counted=counts(2)))
    header, payload = batch([sample(7), sample(8)], 1, counted=counts(2), tenant="acme-works", received_at=RECEIVED)
    await road.carry(*refused(header, payload, "not contracted"))
    assert road.apart() == [
        (LANE, 1, 0, "value is not a number"),
        (f"refused/{LANE}", 1, 0, "not contracted"),
        (f"refused/{LANE}", 1, 1, "not contracted"),
    ]
    # It comes once more when it is contracted: the tombstone has its number, quarantine has its content.
    await road.carry(*refused(*batch([sample(9)], 2, tenant="acme-works", received_at=RECEIVED), "not contracted"))
    await road.carry(stamped([sample(9)], 2))
    assert [row[:3] for row in road.apart()[3:]] == [(f"refused/{LANE}", 2, 0)]
    assert road.tables.scan(READINGS).collect().height == 1
