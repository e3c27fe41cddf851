"""What becomes of a batch that is refused for good: kept whole in quarantine, its place in the lane marked."""

from __future__ import annotations

from dataclasses import replace

from core.contracts.batch import BatchHeader, digest
from core.contracts.lanes import Lane, quarantine_topic, topic_of, transaction_id
from core.eventlog import Outgoing


def lane_of(header: BatchHeader) -> str:
    """`<bridge>/<incarnation>/<lane>`: key in the log, transaction id in the lake."""
    return transaction_id(header.bridge, header.incarnation, header.lane)


def accepted(header: BatchHeader, payload: bytes) -> Outgoing:
    """The record of a batch that goes on its way, payload untouched."""
    topic = topic_of(header.tenant, Lane.parse(header.lane).kind)
    return Outgoing(topic, lane_of(header).encode(), payload, header.to_headers())


def refused(header: BatchHeader, payload: bytes, reason: str) -> list[Outgoing]:
    """The records of a refused batch: itself in quarantine, then a tombstone with its lane and number.

    Without the tombstone a hole in `seq` would block the lane behind it.
    """
    key = lane_of(header).encode()
    kept = replace(header, reason=reason)
    tombstone = replace(header, reason=reason, rows=0, tombstone=True, payload_sha256=digest(b""))
    return [
        Outgoing(quarantine_topic(header.tenant), key, payload, kept.to_headers()),
        Outgoing(topic_of(header.tenant, Lane.parse(header.lane).kind), key, b"", tombstone.to_headers()),
    ]
