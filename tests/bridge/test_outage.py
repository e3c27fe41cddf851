"""A time without a link: told once, when the platform has all that had waited, and never as something unread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.journal import gap_news, recorded_gaps
from bridge.outage import Outage
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.processor import Processor
from bridge.store import Store, StoreError, transaction
from core.contracts.batch import unpack
from core.contracts.lanes import LaneKind
from core.contracts.reading import ALL_OF_SITE, LINK_DOWN, GapNews, Sample, readings_to_arrow
from tests.bridge.test_uplink import Sending, sending

__all__ = ["sending"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as found:
        yield found


@pytest.fixture
def connection(store: Store) -> Iterator[sqlite3.Connection]:
    with store.writing() as found:
        yield found


@pytest.fixture
def writer(build) -> OutboxWriter:
    return OutboxWriter(Sender("loop-bridge", "inc", "loop", build("- name: flow").contract), 10)


def put(connection: sqlite3.Connection, writer: OutboxWriter) -> None:
    rows = readings_to_arrow("loop", [Sample("p1", "flow", 0, 1.0, None, 0)])
    with transaction(connection):
        writer.put(connection, LaneKind.READINGS, rows, None, live=False)


def told(connection: sqlite3.Connection) -> list[GapNews]:
    return gap_news(connection, 100)[0]


def test_it_ends_when_all_that_waited_at_its_end_is_acknowledged(
    connection: sqlite3.Connection, writer: OutboxWriter
) -> None:
    outbox = Outbox(connection)
    outbox.outage.lost()
    put(connection, writer)
    put(connection, writer)
    outbox.outage.back()
    put(connection, writer)  # does not wait for the link any more
    outbox.acknowledge({"readings-backlog": 1}, [])
    assert told(connection) == []
    outbox.acknowledge({}, [("readings-backlog", 2)])
    (news,) = told(connection)
    assert (news.equipment_id, news.reason, news.state) == (ALL_OF_SITE, LINK_DOWN, "found")
    assert news.from_us < news.to_us
    outbox.acknowledge({"readings-backlog": 3}, [])
    assert told(connection) == [news]
    assert recorded_gaps(connection) == []


def test_a_link_that_breaks_again_and_a_restart_do_not_end_it(
    connection: sqlite3.Connection, writer: OutboxWriter
) -> None:
    first = Outbox(connection)
    first.outage.lost()
    put(connection, writer)
    first.outage.back()
    first.outage.lost()
    first.acknowledge({"readings-backlog": 1}, [])
    assert told(connection) == []
    put(connection, writer)
    second = Outbox(connection)
    second.outage.lost()
    second.outage.back()
    assert told(connection) == []
    second.acknowledge({"readings-backlog": 2}, [])
    assert len(told(connection)) == 1


def test_a_disk_that_is_full_when_the_link_breaks_does_not_hide_it(
    connection: sqlite3.Connection, writer: OutboxWriter
) -> None:
    outbox = Outbox(connection)
    connection.execute("create trigger full before insert on meta begin select raise(abort, 'disk is full'); end")
    with pytest.raises(StoreError, match="disk is full"):
        outbox.outage.lost()
    put(connection, writer)
    outbox.outage.back()
    outbox.acknowledge({"readings-backlog": 1}, [])
    assert [one.reason for one in told(connection)] == [LINK_DOWN]


def test_nobody_lost_a_link_so_nothing_is_told(connection: sqlite3.Connection, writer: OutboxWriter) -> None:
    outage = Outage(connection)
    outage.back()
    put(connection, writer)
    outage.look()
    assert told(connection) == []


def test_a_clock_that_was_set_back_ends_it_without_a_word(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = Outage(connection)
    monkeypatch.setattr("core.clock.now_us", lambda: 2_000_000)
    outage.lost()
    monkeypatch.setattr("core.clock.now_us", lambda: 1_000_000)
    outage.back()
    assert told(connection) == []
    monkeypatch.setattr("core.clock.now_us", lambda: 3_000_000)
    outage.lost()
    monkeypatch.setattr("core.clock.now_us", lambda: 4_000_000)
    outage.back()
    assert [(one.from_us, one.to_us) for one in told(connection)] == [(3_000_000, 4_000_000)]


def test_it_leaves_on_the_status_lane_without_a_new_reading(store: Store, build, writer: OutboxWriter) -> None:
    with store.writing() as connection:
        outage = Outage(connection)
        outage.lost()
        outage.back()
        processor = Processor(store, build("- name: flow").site, writer, outbox_max_bytes=1 << 30)
        assert [processor.run_once(live=True) for _ in range(2)] == [0, 0]
        processor.close()
        (batch,) = Outbox(connection).waiting({}, 10)
    rows = unpack(batch.payload)[0].to_pylist()
    assert [(batch.lane, row["site"], row["equipment_id"], row["reason"]) for row in rows] == [
        ("status-live", "loop", "*", "link_down")
    ]


async def test_the_link_itself_tells_when_it_was_away_and_when_all_had_arrived(
    sending: Sending, gateway, build
) -> None:
    sending.put(2, live=True)
    async with sending.running():
        await build.until(lambda: sending.outbox.backlog().batches == 0)
        assert told(sending.beside) == []
        await gateway.stop()
        await build.until(lambda: not sending.link.connected)
        sending.put(5, live=False)
        await gateway.start()
        await build.until(lambda: told(sending.beside) != [])
        assert sending.outbox.backlog().batches == 0
    (news,) = told(sending.beside)
    ((last,),) = sending.beside.execute("select seq from lanes where lane = 'readings-backlog'").fetchall()
    assert (news.reason, last) == (LINK_DOWN, 5)


async def test_a_bridge_that_is_turned_away_has_no_link_either(sending: Sending, gateway, build) -> None:
    gateway.refuse = "the bridge's key is no longer valid"
    sending.put(1, live=True)
    async with sending.running():
        await build.until(lambda: len(gateway.hellos) >= 2)
        assert told(sending.beside) == []
        gateway.refuse = ""
        await build.until(lambda: told(sending.beside) != [])
    assert [one.reason for one in told(sending.beside)] == [LINK_DOWN]
