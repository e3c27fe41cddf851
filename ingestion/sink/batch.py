"""A record of the log as the sink works with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from core.contracts.batch import BatchHeader, MalformedBatchError, digest, salvage, unpack
from core.contracts.lanes import REFUSED
from core.eventlog import Record
from core.log import get_logger
from ingestion.quarantine import lane_of

_log = get_logger("sink")


@dataclass(frozen=True, slots=True)
class Batch:
    """One record, decoded.

    Attributes:
        partition: where it stands in the log.
        offset: its place there.
        lane: transaction id of its lane.
        seq: its number in the lane.
        header: as the gateway stamped it; None if the record is not a batch at all.
        rows: its rows; None for a tombstone and for a batch that cannot be used.
        counts: the bridge's books that rode in it.
        reason: why it cannot be used, if it cannot.
        payload: its bytes, where they may end in quarantine.
        salvaged: of a batch that cannot be used, the rows that can be read; None if none can.
        ordered: its number has to follow the last one of its lane.
    """

    partition: int
    offset: int
    lane: str
    seq: int
    header: BatchHeader | None
    rows: pa.Table | None = None
    counts: pa.Table | None = None
    reason: str | None = None
    payload: bytes = b""
    salvaged: pa.Table | None = None
    ordered: bool = True

    @property
    def size(self) -> int:
        """Rows it holds."""
        return self.rows.num_rows if self.rows is not None else 0

    @property
    def received_at(self) -> datetime:
        """When the gateway took it; the epoch if it never did."""
        text = self.header.received_at if self.header else ""
        return datetime.fromisoformat(text) if text else datetime(1970, 1, 1, tzinfo=UTC)


def decode(record: Record, schema: pa.Schema, tenant: str) -> Batch:
    """A record of a lane topic.

    What cannot be decoded comes back with its reason, never as an exception: it goes to quarantine and its lane on.
    """
    header, stray = _header(record, tenant)
    if header is None:
        return stray
    lane, seq = lane_of(header), header.seq
    place = (record.partition, record.offset, lane, seq, header)
    if header.tombstone:
        return Batch(*place)
    try:
        if digest(record.value) != header.payload_sha256:
            raise MalformedBatchError("payload does not match its SHA-256")
        rows, counts = unpack(record.value)
        if not rows.schema.equals(schema):
            raise MalformedBatchError("rows are of another kind than the topic", received=str(rows.schema.names))
    except MalformedBatchError as error:
        return _unusable(Batch(*place, reason=str(error), payload=record.value))
    return Batch(*place, rows=rows, counts=counts)


def decode_refused(record: Record, tenant: str) -> Batch:
    """A record of a quarantine topic: a whole batch the gateway refused, with its reason."""
    header, stray = _header(record, tenant)
    if header is None:
        return stray
    place = (record.partition, record.offset, f"{REFUSED}{lane_of(header)}", header.seq, header)
    return _unusable(Batch(*place, reason=header.reason, payload=record.value, ordered=False))


def _unusable(batch: Batch) -> Batch:
    """What can still be read of a batch: its rows for quarantine, and the bridge's books of its own site."""
    rows, counts = salvage(batch.payload)
    return replace(batch, salvaged=rows, counts=own_counts(counts, batch.header))


def own_counts(counts: pa.Table | None, header: BatchHeader | None) -> pa.Table | None:
    """Books of the bridge's own site; all if no bridge can be told."""
    if counts is None or header is None:
        return counts
    return counts.filter(pc.call_function("equal", [counts.column("site").cast(pa.string()), pa.scalar(header.site)]))


def _header(record: Record, tenant: str) -> tuple[BatchHeader | None, Batch]:
    """The header, and what the record becomes if it has none: a lane of its own, numbered from 1 by offset.

    A record of another tenant shows nothing of it: its bytes stay in the log.
    """
    stray = Batch(
        record.partition,
        record.offset,
        f"stray/{record.topic}/{record.partition}",
        record.offset + 1,
        None,
        reason="record has no batch header",
        payload=record.value,
        ordered=False,
    )
    try:
        header = BatchHeader.from_headers(record.headers)
    except MalformedBatchError:
        return None, stray
    if header.tenant != tenant:
        _log.error("record of another tenant", action="reject", topic=record.topic, offset=record.offset)
        return None, replace(stray, reason="record is of another tenant", payload=b"")
    return header, stray
