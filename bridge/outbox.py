"""The outbox: numbered batches that wait for their acknowledgement, across restarts and days without a link."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice

import pyarrow as pa

from bridge.catchup import Largest, Waiting, as_one, neighbours
from bridge.outage import Outage
from bridge.store import transaction
from core import clock
from core.contracts.batch import MOST_EXPANDED_BYTES, BatchHeader, MalformedBatchError, digest, pack
from core.contracts.data_contract import DataContract
from core.contracts.lanes import Lane, LaneKind


@dataclass(frozen=True, slots=True)
class Sender:
    """Who and under which contract: the part of every header that stays the same."""

    bridge: str
    incarnation: str
    site: str
    contract: DataContract


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits."""

    batches: int
    rows: int
    bytes: int


def backlog(connection: sqlite3.Connection) -> Backlog:
    """What waits now."""
    return Backlog(*connection.execute("select batches, rows, bytes from outbox_size").fetchone())


def oldest_us(connection: sqlite3.Connection) -> int | None:
    """When the oldest of what waits was stored, microseconds since the epoch by this machine's clock."""
    row = connection.execute("select stored_us from outbox order by id limit 1").fetchone()
    return None if row is None else row[0]


def cut(rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    """Slices of at most `size` rows."""
    for start in range(0, rows.num_rows, size):
        yield rows.slice(start, size)


class OutboxWriter:
    """Numbers batches and stores them inside the caller's transaction.

    Args:
        sender: who and under which contract.
        batch_rows: rows of one batch.
        batch_bytes: size from which on a batch is halved, again and again; a single row is never cut.
    """

    def __init__(self, sender: Sender, batch_rows: int, batch_bytes: int = 4 << 20) -> None:
        self._sender = sender
        self._batch_rows, self._batch_bytes = batch_rows, batch_bytes

    @property
    def contract(self) -> DataContract:
        """What everything that is put leaves under."""
        return self._sender.contract

    def under(self, contract: DataContract) -> OutboxWriter:
        """The same outbox under another contract; numbers go on."""
        return OutboxWriter(replace(self._sender, contract=contract), self._batch_rows, self._batch_bytes)

    def put(
        self,
        connection: sqlite3.Connection,
        kind: LaneKind,
        rows: pa.RecordBatch,
        counts: pa.RecordBatch | None,
        *,
        live: bool,
    ) -> int:
        """Store rows as batches of one lane; counts ride in the first, alone if there are no rows.

        Returns:
            Batches stored.
        """
        lane = Lane(kind, live)
        pieces = list(cut(rows, self._batch_rows)) or ([rows] if counts is not None else [])
        return sum(
            self._store(connection, lane, piece, counts if place == 0 else None) for place, piece in enumerate(pieces)
        )

    def _store(
        self, connection: sqlite3.Connection, lane: Lane, rows: pa.RecordBatch, counts: pa.RecordBatch | None
    ) -> int:
        payload = pack(rows, counts)
        large = len(payload) > self._batch_bytes or rows.nbytes > MOST_EXPANDED_BYTES // 2
        if large and rows.num_rows > 1:
            # Long texts: a gateway refuses what is too large, for good, or becomes so when it is decompressed.
            middle = rows.num_rows // 2
            first = self._store(connection, lane, rows.slice(0, middle), counts)
            return first + self._store(connection, lane, rows.slice(middle), None)
        # In a backlog lane this is only a place: numbers are given when a batch leaves.
        (seq,) = connection.execute(
            "insert into lanes values (?, 1) on conflict (lane) do update set seq = seq + 1 returning seq", (str(lane),)
        ).fetchone()
        contract = self._sender.contract
        header = BatchHeader(
            bridge=self._sender.bridge,
            incarnation=self._sender.incarnation,
            site=self._sender.site,
            lane=str(lane),
            seq=seq,
            rows=rows.num_rows,
            contract_id=contract.id,
            contract_version=contract.version,
            contract_sha256=contract.sha256,
            payload_sha256=digest(payload),
        )
        connection.execute(
            "insert into outbox (lane, seq, live, rows, header, payload, stored_us) values (?, ?, ?, ?, ?, ?, ?)",
            (str(lane), seq, int(lane.live), rows.num_rows, json.dumps(asdict(header)), payload, clock.now_us()),
        )
        return 1


_MADE_AT_ONCE, _PUT_TOGETHER_AT_ONCE = 4, 64
"""Batches that are made of a backlog in one go, and of how many: what is live waits no longer than that takes."""
_AS_THEY_ARE = Largest(0, 0)
_COLUMNS = "id, lane, seq, rows, header, payload"


class Outbox:
    """The uplink's side: reads what waits, deletes what is acknowledged.

    A batch of a live lane has its number from the start. One of a backlog lane gets it here, in the transaction before
    it is seen for the first time, together with the neighbours that it leaves with; from then on it never changes.

    Args:
        connection: its own.
        largest: how much neighbours of a backlog may come to; by default each stays as it is.
    """

    def __init__(self, connection: sqlite3.Connection, largest: Largest = _AS_THEY_ARE) -> None:
        self._connection = connection
        self._largest = largest
        self.outage = Outage(connection)
        """The time without a link, if there is one."""

    def waiting(self, sent: dict[str, int], limit: int, backlog_limit: int | None = None) -> list[Waiting]:
        """Batches behind the last number sent of each lane, live lanes first, in order inside a lane.

        Args:
            sent: last number sent of each lane.
            limit: batches to return at most.
            backlog_limit: how many of them may be backlog; all of them if None.
        """
        found: list[Waiting] = []
        lanes = [Lane.parse(lane) for (lane,) in self._connection.execute("select lane from lanes order by lane desc")]
        for lane in (str(lane) for lane in lanes if lane.live):
            found += self._numbered(lane, sent, limit - len(found))
        room = limit - len(found) if backlog_limit is None else min(limit - len(found), backlog_limit)
        for lane in (str(lane) for lane in lanes if not lane.live):
            taken = self._of_backlog(lane, sent, room)
            found, room = found + taken, room - len(taken)
        return found

    def _numbered(self, lane: str, sent: dict[str, int], room: int) -> list[Waiting]:
        return list(self._select("lane = ? and seq > ? order by seq limit ?", lane, sent.get(lane, 0), max(room, 0)))

    def _of_backlog(self, lane: str, sent: dict[str, int], room: int) -> list[Waiting]:
        """What has a number first, then as much more as there is room for."""
        row = self._connection.execute("select seq, place from given where lane = ?", (lane,)).fetchone()
        seq, place = row or (0, 0)
        after = sent.get(lane, 0), seq, max(room, 0)
        found = list(self._select("lane = ? and seq > ? and seq <= ? order by seq limit ?", lane, *after))
        return found + self._give(lane, seq, place, room - len(found)) if len(found) < room else found

    def _give(self, lane: str, seq: int, place: int, room: int) -> list[Waiting]:
        """Number the next batches of a backlog; nobody else touches what is stored, so it is made ready unlocked."""
        together = self._largest != _AS_THEY_ARE
        most, at_most = (min(room, _MADE_AT_ONCE), _PUT_TOGETHER_AT_ONCE) if together else (room, room)
        behind = self._select("lane = ? and seq > ? order by seq limit ?", lane, place, at_most)
        runs = list(islice(neighbours(behind, self._largest), most))
        behind.close()
        made: list[Waiting] = []
        for run in runs:
            made += _made_ready(run, seq + len(made) + 1)
        if made:
            self._store(lane, made, gone=[one for run in runs for one in run], place=runs[-1][-1].seq)
        return made

    def _store(self, lane: str, made: list[Waiting], gone: list[Waiting], place: int) -> None:
        kept = {one.id for one in made}
        with transaction(self._connection) as connection:
            connection.executemany("delete from outbox where id = ?", [(one.id,) for one in gone if one.id not in kept])
            connection.executemany(
                "update outbox set seq = ?, rows = ?, header = ?, payload = ? where id = ?",
                [(one.seq, one.rows, json.dumps(asdict(one.header)), one.payload, one.id) for one in made],
            )
            connection.execute(
                "insert into given values (?, ?, ?) "
                "on conflict (lane) do update set seq = excluded.seq, place = excluded.place",
                (lane, made[-1].seq, place),
            )

    def _select(self, where: str, *values: str | int) -> Generator[Waiting]:
        rows = self._connection.execute(f"select {_COLUMNS} from outbox where {where}", values)  # noqa: S608  ours
        with closing(rows):
            for one, name, seq, count, header, payload in rows:
                yield Waiting(one, name, seq, count, BatchHeader(**json.loads(header)), payload)

    def acknowledge(self, upto: dict[str, int], single: list[tuple[str, int]]) -> None:
        """Delete what the log has: whole lanes up to a number, and single batches refused for good."""
        with transaction(self._connection) as connection:
            connection.executemany("delete from outbox where lane = ? and seq <= ?", list(upto.items()))
            connection.executemany("delete from outbox where lane = ? and seq = ?", single)
        self.outage.look()

    def backlog(self) -> Backlog:
        """What waits now."""
        return backlog(self._connection)


def _made_ready(run: list[Waiting], seq: int) -> list[Waiting]:
    """A run as one batch; where one of it is harmed, each for itself, so that the gateway refuses that one alone."""
    try:
        return [as_one(run, seq)]
    except MalformedBatchError:
        return [as_one([one], seq + place) for place, one in enumerate(run)]
