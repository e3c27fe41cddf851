"""The outbox: numbered batches that wait for their acknowledgement, across restarts and days without a link."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import pyarrow as pa

from bridge.store import transaction
from core import clock
from core.contracts.batch import BatchHeader, digest, pack
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
class Waiting:
    """One batch nobody has acknowledged."""

    id: int
    lane: str
    seq: int
    rows: int
    header: BatchHeader
    payload: bytes


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
        if len(payload) > self._batch_bytes and rows.num_rows > 1:
            # Long texts: a gateway refuses what is too large, for good.
            middle = rows.num_rows // 2
            first = self._store(connection, lane, rows.slice(0, middle), counts)
            return first + self._store(connection, lane, rows.slice(middle), None)
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


class Outbox:
    """The uplink's side: reads what waits, deletes what is acknowledged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def waiting(self, sent: dict[str, int], limit: int, backlog_limit: int | None = None) -> list[Waiting]:
        """Batches behind the last number sent of each lane, live lanes first, in order inside a lane.

        Args:
            sent: last number sent of each lane.
            limit: batches to return at most.
            backlog_limit: how many of them may be backlog; all of them if None.
        """
        found: list[Waiting] = []
        room = limit
        lanes = self._connection.execute("select distinct lane, live from outbox order by live desc, lane desc")
        for lane, live in lanes.fetchall():
            if not live and backlog_limit is not None:
                room, backlog_limit = min(limit, len(found) + backlog_limit), None
            rows = self._connection.execute(
                "select id, lane, seq, rows, header, payload from outbox "
                "where lane = ? and seq > ? order by seq limit ?",
                (lane, sent.get(lane, 0), room - len(found)),
            )
            found.extend(
                Waiting(one, name, seq, count, BatchHeader(**json.loads(header)), payload)
                for one, name, seq, count, header, payload in rows
            )
            if len(found) >= room:
                break
        return found

    def acknowledge(self, upto: dict[str, int], single: list[tuple[str, int]]) -> None:
        """Delete what the log has: whole lanes up to a number, and single batches refused for good."""
        with transaction(self._connection) as connection:
            connection.executemany("delete from outbox where lane = ? and seq <= ?", list(upto.items()))
            connection.executemany("delete from outbox where lane = ? and seq = ?", single)

    def backlog(self) -> Backlog:
        """What waits now."""
        return backlog(self._connection)
