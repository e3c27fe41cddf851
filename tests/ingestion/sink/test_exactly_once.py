"""A sink that is killed between any two commits and started again leaves every table as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from core.contracts.quality import BAD
from core.eventlog import Outgoing, Record
from ingestion.quarantine import accepted, refused
from ingestion.sink.assembly import Assembly
from ingestion.sink.checks import TimeLimits
from ingestion.sink.plan import Commit
from ingestion.sink.route import Route, routes_of
from ingestion.sink.writer import Writer
from lake.store import Lake, TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, GAPS, QUARANTINE, READINGS
from tests.ingestion.conftest import RECEIVED, START, Maker, counts, event, gap, sample

LIMITS = TimeLimits(0, 600_000_000)
TABLES = (READINGS, EVENTS, GAPS, BRIDGE_COUNTS, QUARANTINE)
Stamped = Callable[..., Outgoing]


class KilledError(BaseException):
    """The process ends here."""


def in_log(outgoing: list[Outgoing]) -> list[Record]:
    """As they would lie in one partition."""
    return [Record(o.topic, 0, n, o.key, o.value, o.headers) for n, o in enumerate(outgoing)]


def life(lake: TenantLake, route: Route, log: list[Record], chunks: list[int], killed_after: int | None) -> None:
    """One life of a sink: commits after so many records each; dies after the n-th commit of a table."""
    writer = Writer(lake, route, "memory", LIMITS)
    assembly = Assembly(resume={0: writer.resume(0)}, gapless=route.gapless)
    done = 0
    for size in chunks:
        for record in log[assembly.position(0) :][:size]:
            batch = route.decode(record)
            if batch.lane not in assembly.last:
                assembly.last.update(writer.last([batch.lane]))
            assembly.offer(batch)
        if assembly.has_news:
            for commit in writer.plan(assembly.take()):
                writer.commit([commit])
                done += 1
                if done == killed_after:
                    raise KilledError


def content(lake: TenantLake) -> dict[str, list[str]]:
    """Every row of every table, sorted."""
    return {spec.full_name: sorted(map(str, lake.scan(spec).collect().rows())) for spec in TABLES}


@pytest.fixture
def roads(stamped: Stamped, batch: Maker) -> list[tuple[Route, list[Record]]]:
    """Every kind of record on every route: good, bad, resent, refused, malformed, tombstones, books, two lanes."""
    readings, events, gaps, quarantine = routes_of("acme-works")
    wrong = {"tenant": "acme-works", "received_at": RECEIVED}
    kept, tombstone = refused(batch([sample(9)], 3, **wrong)[0], b"whatever", "not contracted")
    flow = [
        stamped([sample(0), sample(1)], 1, counted=counts(2)),
        stamped([sample(0)], 1, lane="readings-backlog"),
        stamped([sample(2, float("nan")), sample(3)], 2, counted=counts(2)),
        stamped([sample(0), sample(1)], 1, counted=counts(2)),
        tombstone,
        stamped([sample(4, None)], 4, counted=counts(1)),
        stamped([sample(5)], 5, payload=b"rubbish"),
        Outgoing(readings.topic, b"stray", b"no batch at all", []),
        stamped([sample(6, None, text="nan", quality=BAD), sample(7)], 6),
        stamped([sample(1, ts_us=-1)], 2, lane="readings-backlog", counted=counts(1, hour=START)),
        stamped([], 7, counted=counts(0)),
        stamped([sample(8)], 8, counted=counts(1)),
    ]
    faults = [
        stamped([event(0)], 1, counted=counts(1, "rule:too_hot")),
        stamped([event(1, state="cleared"), event(2, ts_us=-5)], 2),
        stamped([event(0)], 1),
    ]
    unread = [
        stamped([gap(0), gap(1)], 1),
        stamped([gap(0, state="void"), gap(1, from_us=-1)], 2),
        stamped([gap(0), gap(1)], 1),
    ]
    refusals = [
        kept,
        kept,
        refused(batch([sample(9)], 8, **wrong)[0], b"more", "oversized")[0],
        Outgoing(quarantine.topic, b"stray", b"?", []),
    ]
    return [(readings, in_log(flow)), (events, in_log(faults)), (gaps, in_log(unread)), (quarantine, in_log(refusals))]


@pytest.fixture
def undisturbed(roads: list[tuple[Route, list[Record]]], tmp_path: Path) -> dict[str, list[str]]:
    lake = Lake(str(tmp_path / "undisturbed")).tenant("acme-works")
    for route, log in roads:
        life(lake, route, log, [len(log)], None)
    return content(lake)


def test_undisturbed_every_row_is_where_it_belongs(undisturbed: dict[str, list[str]]) -> None:
    sizes = {name: len(rows) for name, rows in undisturbed.items()}
    assert sizes == {
        "bronze.readings": 6,  # seconds 0, 1, 3, 7, 8 of the live lane and 0 of the backlog
        "bronze.events": 2,
        "bronze.gaps": 3,
        "bronze.bridge_counts": 7,
        # NaN, null with good quality, NaN literal, reading, event and gap of 1969; rubbish, strays, refused batches
        "bronze.quarantine": 6 + 5,
    }


@pytest.mark.parametrize("chunks", [[100], [1] * 20, [4, 1, 100], [2, 3, 2, 100]])
def test_killed_after_every_commit_in_turn(
    roads: list[tuple[Route, list[Record]]], undisturbed: dict[str, list[str]], tmp_path: Path, chunks: list[int]
) -> None:
    """Killed after the first commit of each life until a life ends in peace; lives cut the log differently."""
    lake = Lake(str(tmp_path / "killed")).tenant("acme-works")
    lives = 0
    for route, log in roads:
        for attempt in range(100):
            lives += 1
            try:
                life(lake, route, log, chunks if attempt % 2 else [100], killed_after=1)
            except KilledError:
                continue
            break
        assert Writer(lake, route, "memory", LIMITS).resume(0) == len(log)
    assert lives > 2 * len(roads)
    assert content(lake) == undisturbed


def test_the_main_table_comes_last_and_carries_every_lane(
    roads: list[tuple[Route, list[Record]]], tmp_path: Path
) -> None:
    route, log = roads[0]
    writer = Writer(Lake(str(tmp_path)).tenant("acme-works"), route, "memory", LIMITS)
    assembly = Assembly(resume={0: 0})
    for record in log:
        batch = route.decode(record)
        assembly.last.setdefault(batch.lane, 0)
        assembly.offer(batch)
    commits: list[Commit] = writer.plan(assembly.take())
    assert [commit.spec for commit in commits] == [QUARANTINE, BRIDGE_COUNTS, READINGS]
    assert commits[-1].transactions == {
        "plant-a-bridge/a1/readings-live": 8,
        "plant-a-bridge/a1/readings-backlog": 2,
        "stray/acme-works.scada.readings/0": 8,
    }
    assert commits[-1].offsets == {
        "offset/memory/acme-works.scada.readings/0": 12,
        "refused/plant-a-bridge/a1/readings-live": 3,
    }


def test_a_wholly_rejected_batch_makes_an_empty_commit(stamped: Stamped, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme-works")
    route = routes_of("acme-works")[0]
    life(lake, route, in_log([stamped([sample(0, None)], 1)]), [1], None)
    assert lake.scan(READINGS).collect().is_empty()
    assert lake.transaction_version(READINGS, "plant-a-bridge/a1/readings-live") == 1
    assert lake.scan(QUARANTINE).collect()["reason"].to_list() == ["good quality without a value"]


def test_rows_know_where_they_came_from(stamped: Stamped, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme-works")
    route = routes_of("acme-works")[0]
    life(lake, route, in_log([stamped([sample(0), sample(1, float("inf")), sample(2)], 1)]), [1], None)
    rows = lake.scan(READINGS).sort("row_no").collect()
    assert rows.select("lane", "seq", "row_no", "contract_version").rows() == [
        ("plant-a-bridge/a1/readings-live", 1, 0, "1.0.0"),
        ("plant-a-bridge/a1/readings-live", 1, 2, "1.0.0"),
    ]
    (bad,) = lake.scan(QUARANTINE).collect().rows(named=True)
    assert (bad["kind"], bad["row_no"], bad["rows"], bad["site"], bad["signal"]) == ("record", 1, 1, "plant-a", "flow")
    assert bad["received_at"].isoformat() == RECEIVED
    assert bad["date"].isoformat() == "2024-03-02"
    assert rows["date"][0].isoformat() == "2024-03-01"
    assert rows.schema.to_python().keys() == dict.fromkeys(READINGS.schema.names).keys()


def test_a_refused_batch_keeps_its_bytes(roads: list[tuple[Route, list[Record]]], tmp_path: Path) -> None:
    lake = Lake(str(tmp_path)).tenant("acme-works")
    route, log = roads[3]
    life(lake, route, log, [10], None)
    kept = lake.scan(QUARANTINE).sort("payload").collect()
    assert kept["payload"].to_list() == [b"?", b"more", b"whatever"]
    assert kept["reason"].to_list() == ["record has no batch header", "oversized", "not contracted"]
    assert kept["seq"].to_list() == [4, 8, 3]
    assert isinstance(kept.to_arrow(), pa.Table)


def test_a_record_of_another_tenant_is_kept_out_takes_no_number_and_shows_nothing(
    batch: Maker, stamped: Stamped, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path)).tenant("acme-works")
    header, payload = batch([sample(0, signal="their_secret")], 1, tenant="beta-works", received_at=RECEIVED)
    theirs = accepted(header, payload)
    misled = [replace(one, topic=one.topic.replace("beta-works", "acme-works")) for one in (theirs, theirs)]
    road = [*misled, stamped([sample(1)], 1)]
    life(lake, routes_of("acme-works")[0], in_log(road), [10], None)
    assert lake.scan(READINGS).collect()["signal"].to_list() == ["flow"]
    kept = lake.scan(QUARANTINE).collect()
    assert kept["reason"].to_list() == ["record is of another tenant"] * 2
    assert "their" not in str(kept.rows())
    assert kept.select("site", "payload", "header", "original").unique().rows() == [(None, b"", None, None)]
