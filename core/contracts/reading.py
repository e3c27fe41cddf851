"""The reading and the event: one Arrow schema each, on the wire, in the log and in bronze."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa

_NAME = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")

READING_SCHEMA = pa.schema(
    [
        pa.field("site", _NAME, nullable=False),
        pa.field("equipment_id", _NAME, nullable=False),
        pa.field("signal", _NAME, nullable=False),
        pa.field("ts", _TIME, nullable=False),
        pa.field("value", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("quality", pa.uint32(), nullable=False),
    ]
)
"""One sample of one signal. `ts` is the source's clock; `value` is null when the sample is textual or absent."""

EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("site", _NAME, nullable=False),
        pa.field("equipment_id", _NAME, nullable=False),
        pa.field("ts", _TIME, nullable=False),
        pa.field("fault_code", pa.string(), nullable=False),
        pa.field("severity", pa.int32(), nullable=False),
        pa.field("state", _NAME, nullable=False),
        pa.field("message", pa.string()),
    ]
)
"""One change of one alarm or fault; `severity` is a score of 0-100, `state` is raised, cleared or acknowledged."""

GAP_SCHEMA = pa.schema(
    [
        pa.field("gap_id", pa.string(), nullable=False),
        pa.field("site", _NAME, nullable=False),
        pa.field("equipment_id", _NAME, nullable=False),
        pa.field("ts", _TIME, nullable=False),
        pa.field("until", _TIME, nullable=False),
        pa.field("reason", _NAME, nullable=False),
        pa.field("state", _NAME, nullable=False),
    ]
)
"""Source time between `ts` and `until`, both exclusive, that nobody read; `state` is found, or void once a late reading
has turned up in it (what is left of it is then found under other times)."""

GAP_STATES = ("found", "void")
LINK_DOWN = "link_down"
"""Reason of a notice that tells no gap: the site had no link, and what it read meanwhile came later.

Its times are of the bridge's clock: from when the link was lost until the platform had all that had waited. Its machine
is `ALL_OF_SITE`."""
ALL_OF_SITE = "*"
CLOCK_SET_BACK = "clock_set_back"
"""Reason of a notice that a machine came back with its own clock earlier than what had been read of it.

Nobody read it meanwhile, and its own clock cannot say what is missing: it shows those times twice. The notice's times
are of the bridge's clock, like those of `LINK_DOWN`: from when the machine was last read until it was read again. A
site that is a recording has no such clock: served again, it begins at its first row."""

COUNT_COLUMNS = (
    "read",
    "withheld",
    "contracted",
    "suppressed",
    "aggregated",
    "forwarded",
    "windows",
    "rules",
    "conflicting",
)
"""What a bridge counts for the platform: eight terms of the books, and readings whose value contradicts an earlier one.

How often a device was read again in vain stays on site: nothing new has happened then, and nothing is to be built.
"""

COUNTS_SCHEMA = pa.schema(
    [
        pa.field("site", _NAME, nullable=False),
        pa.field("equipment_id", _NAME, nullable=False),
        pa.field("signal", _NAME, nullable=False),
        pa.field("hour", _TIME, nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in COUNT_COLUMNS),
    ]
)
"""Increments of the bridge's books since its last batch; grain: site, equipment, signal, hour of `ts`.

Withheld readings stand in one line per equipment and hour under the signal `*`. A window's count stands under its
own signal name, a rule's under `rule:<name>`.
"""

WITHHELD_SIGNAL = "*"


class Sample(NamedTuple):
    """What a driver hands over: one value of one signal at the source's time.

    `ts_us` is microseconds since the epoch, UTC; `quality` an OPC UA status code. `value` may be NaN or infinite
    here; it never is behind the contract.
    """

    equipment_id: str
    signal: str
    ts_us: int
    value: float | None
    text: str | None
    quality: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state of one alarm; the row of `EVENT_SCHEMA` without its site."""

    event_id: str
    equipment_id: str
    ts_us: int
    fault_code: str
    severity: int
    state: str
    message: str


class GapNews(NamedTuple):
    """A gap that was found or is void, or a time without a link; the row of `GAP_SCHEMA` without its site.

    Times in microseconds, UTC.
    """

    equipment_id: str
    from_us: int
    to_us: int
    reason: str
    state: str


def gap_id(site: str, gap: GapNews) -> str:
    """Identity of a gap: the same when it is sent twice, and when it becomes void."""
    text = json.dumps([site, gap.equipment_id, gap.from_us, gap.to_us, gap.reason])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def gaps_to_arrow(site: str, gaps: Sequence[GapNews]) -> pa.RecordBatch:
    """Rows of `GAP_SCHEMA`, order kept."""
    columns = list(zip(*gaps, strict=True)) if gaps else [()] * 5
    return pa.RecordBatch.from_arrays(
        [
            pa.array([gap_id(site, gap) for gap in gaps], type=pa.string()),
            pa.array([site] * len(gaps), type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[0], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[1], type=pa.int64()).cast(_TIME),
            pa.array(columns[2], type=pa.int64()).cast(_TIME),
            pa.array(columns[3], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[4], type=pa.string()).dictionary_encode().cast(_NAME),
        ],
        schema=GAP_SCHEMA,
    )


def readings_to_arrow(site: str, samples: Iterable[Sample]) -> pa.RecordBatch:
    """Rows of `READING_SCHEMA` from samples of one site, order kept."""
    rows = list(samples)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return pa.RecordBatch.from_arrays(
        [
            pa.array([site] * len(rows), type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[0], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[1], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array(columns[2], type=pa.int64()).cast(_TIME),
            pa.array(columns[3], type=pa.float64()),
            pa.array(columns[4], type=pa.string()),
            pa.array(columns[5], type=pa.uint32()),
        ],
        schema=READING_SCHEMA,
    )


def events_to_arrow(site: str, events: Iterable[Event]) -> pa.RecordBatch:
    """Rows of `EVENT_SCHEMA` from events of one site, order kept."""
    rows = list(events)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([e.event_id for e in rows], type=pa.string()),
            pa.array([site] * len(rows), type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array([e.equipment_id for e in rows], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array([e.ts_us for e in rows], type=pa.int64()).cast(_TIME),
            pa.array([e.fault_code for e in rows], type=pa.string()),
            pa.array([e.severity for e in rows], type=pa.int32()),
            pa.array([e.state for e in rows], type=pa.string()).dictionary_encode().cast(_NAME),
            pa.array([e.message for e in rows], type=pa.string()),
        ],
        schema=EVENT_SCHEMA,
    )


def to_datetime(ts_us: int) -> datetime:
    """Aware UTC datetime of microseconds since the epoch."""
    return datetime.fromtimestamp(ts_us // 1_000_000, tz=UTC).replace(microsecond=ts_us % 1_000_000)


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError(f"naive datetime {moment!r}: a time zone is needed")
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
