"""Which topic feeds which table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from core.contracts.lanes import LaneKind, quarantine_topic, topic_of
from core.contracts.reading import EVENT_SCHEMA, GAP_SCHEMA, READING_SCHEMA
from core.eventlog import Record
from ingestion.sink.batch import Batch, decode, decode_refused
from lake.spec import TableSpec
from lake.tables.bronze import EVENTS, GAPS, QUARANTINE, READINGS


@dataclass(frozen=True, slots=True)
class Route:
    """One topic on its way to its table.

    Attributes:
        topic: its name.
        main: the table that keeps its resume offsets.
        gapless: numbers of a lane rise by exactly one; in quarantine they only rise.
        decode: makes a batch of a record; one of another tenant is none.
    """

    topic: str
    main: TableSpec
    gapless: bool
    decode: Callable[[Record], Batch]


def routes_of(tenant: str) -> list[Route]:
    """The routes of one tenant, by slug."""
    return [
        Route(
            topic_of(tenant, LaneKind.READINGS), READINGS, True, partial(decode, schema=READING_SCHEMA, tenant=tenant)
        ),
        Route(topic_of(tenant, LaneKind.FAULTS), EVENTS, True, partial(decode, schema=EVENT_SCHEMA, tenant=tenant)),
        Route(topic_of(tenant, LaneKind.STATUS), GAPS, True, partial(decode, schema=GAP_SCHEMA, tenant=tenant)),
        Route(quarantine_topic(tenant), QUARANTINE, False, partial(decode_refused, tenant=tenant)),
    ]
