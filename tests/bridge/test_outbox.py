"""What the uplink sees of the outbox: a backlog is numbered as it leaves, neighbours together, and never otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from bridge.catchup import Largest
from bridge.outbox import Outbox, OutboxWriter, Sender, backlog
from bridge.store import Store, transaction
from core.contracts.batch import digest, unpack
from core.contracts.lanes import LaneKind
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, Sample, readings_to_arrow
from core.contracts.site import SiteFile

BACKLOG, LIVE = "readings-backlog", "readings-live"
LARGEST = Largest(rows=4, bytes=1 << 20)
_SITE = SiteFile.model_validate(
    {
        "tenant": "outbox-co",
        "site": "loop",
        "protocol": "opcua",
        "equipment": [{"id": "p1", "type": "pump", "signals": [{"name": "flow"}]}],
    }
)
_CONTRACT = parse_contract(permissive_contract(_SITE), where="loop")


@dataclass
class Home:
    """A bridge's home with an outbox; `put` stores one batch for each number of rows, all values different."""

    connection: sqlite3.Connection
    writer: OutboxWriter
    stored: int = 0

    def put(self, *sizes: int, live: bool = False, counted: bool = False) -> None:
        with transaction(self.connection) as connection:
            for size in sizes:
                samples = [Sample("p1", "flow", self.stored + n, float(self.stored + n), None, 0) for n in range(size)]
                self.stored += size
                rows: pa.RecordBatch = readings_to_arrow("loop", samples)
                self.writer.put(connection, LaneKind.READINGS, rows, _counts() if counted else None, live=live)

    def look(self, sent: int = 0, limit: int = 100, largest: Largest = LARGEST) -> list[tuple[int, list[float]]]:
        """Number and values of each batch of the backlog, as a new uplink would see them."""
        found = Outbox(self.connection, largest).waiting({BACKLOG: sent}, limit)
        for one in found:
            assert (one.header.seq, one.header.rows) == (one.seq, one.rows)
            assert one.header.payload_sha256 == digest(one.payload)
        return [(one.seq, unpack(one.payload)[0].column("value").to_pylist()) for one in found if one.lane == BACKLOG]


def _counts() -> pa.RecordBatch:
    line = {"site": "loop", "equipment_id": "p1", "signal": "flow", "hour": 0} | dict.fromkeys(COUNT_COLUMNS, 2)
    return pa.RecordBatch.from_pylist([line], schema=COUNTS_SCHEMA)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Store.open(tmp_path) as store, store.writing() as connection:
        yield Home(connection, OutboxWriter(Sender("loop-bridge", "inc", "loop", _CONTRACT), 10))


def test_neighbours_leave_as_one_in_order(home: Home) -> None:
    home.put(1, 1, 1, 1, 3, 2, 9, 1)
    assert home.look() == [(1, [0, 1, 2, 3]), (2, [4, 5, 6]), (3, [7, 8]), (4, list(range(9, 18)))]
    assert home.look(sent=4) == [(5, [18])]
    assert backlog(home.connection).rows == home.stored
    assert backlog(home.connection).batches == 5


def test_what_was_seen_once_never_changes(home: Home) -> None:
    home.put(1, 1)
    first = home.look()
    home.put(1, 1, 1)
    assert home.look() == [*first, (2, [2, 3, 4])]
    assert home.look(largest=Largest(100, 1 << 20)) == [*first, (2, [2, 3, 4])]


def test_numbers_rise_by_one_across_acknowledgements(home: Home) -> None:
    home.put(2, 2, 2, 2)
    outbox = Outbox(home.connection, LARGEST)
    assert [one.seq for one in outbox.waiting({}, 100)] == [1, 2]
    outbox.acknowledge({BACKLOG: 2}, [])
    assert backlog(home.connection).batches == 0
    home.put(2, 2, 2)
    assert home.look() == [(3, [8, 9, 10, 11]), (4, [12, 13])]
    outbox.acknowledge({BACKLOG: 3}, [(BACKLOG, 4)])
    assert backlog(home.connection) == replace(backlog(home.connection), batches=0, rows=0, bytes=0)


def test_an_acknowledgement_leaves_what_has_no_number_yet(home: Home) -> None:
    home.put(*[1] * 400)
    outbox = Outbox(home.connection, LARGEST)
    outbox.acknowledge({BACKLOG: outbox.waiting({}, 2)[-1].seq}, [])
    assert backlog(home.connection).rows == 392


def test_books_of_neighbours_are_added_up(home: Home) -> None:
    home.put(1, 1, counted=True)
    home.put(1)
    (one,) = Outbox(home.connection, LARGEST).waiting({}, 100)
    (line,) = unpack(one.payload)[1].to_pylist()
    assert {line[name] for name in COUNT_COLUMNS} == {4}


def test_another_contract_and_live_lanes_stay_apart(home: Home) -> None:
    home.put(1)
    home.put(1, 1, live=True)
    home.writer = home.writer.under(replace(_CONTRACT, sha256="other"))
    home.put(1)
    found = Outbox(home.connection, LARGEST).waiting({}, 100)
    assert [(one.lane, one.seq, one.rows) for one in found] == [
        (LIVE, 1, 1),
        (LIVE, 2, 1),
        (BACKLOG, 1, 1),
        (BACKLOG, 2, 1),
    ]
    assert [one.header.contract_sha256 for one in found[2:]] == [_CONTRACT.sha256, "other"]


def test_a_harmed_batch_does_not_take_its_neighbours_along(home: Home) -> None:
    home.put(1, 1, 1)
    with transaction(home.connection) as connection:
        connection.execute("update outbox set payload = x'00112233' where seq = 2")
    found = Outbox(home.connection, LARGEST).waiting({}, 100)
    assert [(one.seq, one.rows, digest(one.payload) == one.header.payload_sha256) for one in found] == [
        (1, 1, True),
        (2, 1, False),
        (3, 1, True),
    ]


def test_nothing_is_numbered_if_the_disk_refuses(home: Home) -> None:
    home.put(1, 1, 1)
    home.connection.execute("create trigger full before insert on given begin select raise(abort, 'disk is full'); end")
    with pytest.raises(Exception, match="disk is full"):
        home.look()
    home.connection.execute("drop trigger full")
    assert home.look() == [(1, [0, 1, 2])]


def test_what_an_earlier_version_stored_keeps_its_numbers(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.writing() as connection:
        home = Home(connection, OutboxWriter(Sender("loop-bridge", "inc", "loop", _CONTRACT), 10))
        home.put(1, 1, 1)
        connection.execute("drop table given")
        connection.execute("delete from meta where name = 'backlog_numbered_late'")
    with Store.open(tmp_path) as store, store.writing() as connection:
        home = Home(connection, home.writer, stored=3)
        home.put(1, 1)
        assert home.look() == [(1, [0]), (2, [1]), (3, [2]), (4, [3, 4])]


def test_what_would_expand_too_far_leaves_cut_and_is_not_put_together(home: Home) -> None:
    rows = readings_to_arrow("loop", [Sample("p1", "flow", n, None, "0" * (20 << 20), 0) for n in range(2)])
    with transaction(home.connection) as connection:
        assert home.writer.put(connection, LaneKind.READINGS, rows, None, live=False) == 2
    assert backlog(home.connection).bytes < 1 << 20
    assert [seq for seq, _ in home.look()] == [1, 2]
