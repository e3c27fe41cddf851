"""Bronze: what the bridges sent, row for row, and what could not be used, with its reason.

Written by the sink alone, appended to and never changed. Delta has no unsigned integers, so the OPC UA status code
of 32 bits stands in a signed one of 64.
"""

from __future__ import annotations

import pyarrow as pa

from core.contracts.reading import COUNT_COLUMNS
from lake.spec import TIME, Column, Layer, TableSpec

_TEXT = pa.string()

_READING = (
    Column("site", _TEXT, "site the reading comes from", nullable=False),
    Column("equipment_id", _TEXT, "machine", nullable=False),
    Column("signal", _TEXT, "signal, or `<signal>:<aggregate>:<duration>` for a window", nullable=False),
    Column("ts", TIME, "source clock; the start, for a window", nullable=False),
    Column("value", pa.float64(), "value; null if textual or absent", unit="as the contract of the signal says"),
    Column("text", _TEXT, "value of a textual signal"),
    Column("quality", pa.int64(), "OPC UA status code (Part 4, 7.39)", nullable=False),
)
_EVENT = (
    Column("event_id", _TEXT, "identity of the change, the same when sent twice", nullable=False),
    Column("site", _TEXT, "site the event comes from", nullable=False),
    Column("equipment_id", _TEXT, "machine", nullable=False),
    Column("ts", TIME, "source clock", nullable=False),
    Column("fault_code", _TEXT, "code of the alarm or fault", nullable=False),
    Column("severity", pa.int32(), "score of 0 to 100", nullable=False),
    Column("state", _TEXT, "raised, cleared or acknowledged", nullable=False),
    Column("message", _TEXT, "what the device says"),
)
_ORIGIN = (
    Column("lane", _TEXT, "`<bridge>/<incarnation>/<lane>` that carried the row", nullable=False),
    Column("seq", pa.int64(), "number of its batch in the lane", nullable=False),
    Column("row_no", pa.int32(), "position of the row in the batch, from 0", nullable=False),
    Column("contract_version", _TEXT, "data contract it was sent under", nullable=False),
    Column("received_at", TIME, "clock of the gateway that took the batch", nullable=False),
)
_DAY = Column("date", pa.date32(), "UTC day of `ts`", nullable=False)

READINGS = TableSpec(
    layer=Layer.BRONZE,
    name="readings",
    description="Every reading that left a site under its contract, windows included.",
    grain="one reading as sent: lane, seq, row_no",
    columns=(*_READING, *_ORIGIN, _DAY),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
EVENTS = TableSpec(
    layer=Layer.BRONZE,
    name="events",
    description="Every change of state of an alarm or fault, those of edge rules included.",
    grain="one change as sent: lane, seq, row_no",
    columns=(*_EVENT, *_ORIGIN, _DAY),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
BRIDGE_COUNTS = TableSpec(
    layer=Layer.BRONZE,
    name="bridge_counts",
    description="The bridges' own books as increments: sum them for the bridge's side of the reconciliation.",
    grain="one increment: lane, seq, site, equipment, signal, hour of `ts`",
    columns=(
        Column("site", _TEXT, "site counted", nullable=False),
        Column("equipment_id", _TEXT, "machine", nullable=False),
        Column("signal", _TEXT, "signal; `*` for withheld ones, `rule:<name>` for edge rules", nullable=False),
        Column("hour", TIME, "hour of the readings' source time", nullable=False),
        *(Column(name, pa.int64(), f"readings {name}", unit="1", nullable=False) for name in COUNT_COLUMNS),
        Column("lane", _TEXT, "`<bridge>/<incarnation>/<lane>` that carried the increment", nullable=False),
        Column("seq", pa.int64(), "number of its batch in the lane", nullable=False),
        Column("date", pa.date32(), "UTC day of `hour`", nullable=False),
    ),
    keys=("lane", "seq", "site", "equipment_id", "signal", "hour"),
    owner="ingestion",
)
QUARANTINE = TableSpec(
    layer=Layer.BRONZE,
    name="quarantine",
    description="What could not be used, with its reason: single records the sink rejected, and whole batches refused.",
    grain="one record, or one batch",
    columns=(
        Column("kind", _TEXT, "record or batch", nullable=False),
        Column("reason", _TEXT, "why it was rejected", nullable=False),
        Column("lane", _TEXT, "`<bridge>/<incarnation>/<lane>` that carried it", nullable=False),
        Column("seq", pa.int64(), "number of its batch in the lane", nullable=False),
        Column("row_no", pa.int32(), "position in the batch; null for a whole batch"),
        Column("site", _TEXT, "site; null if the batch cannot be read"),
        Column("equipment_id", _TEXT, "machine; null for a whole batch"),
        Column("signal", _TEXT, "signal; the fault code for an event; null for a whole batch"),
        Column("ts", TIME, "source clock; null for a whole batch"),
        Column("value", pa.float64(), "value as sent", unit="as the contract of the signal says"),
        Column("text", _TEXT, "text as sent; the message of an event"),
        Column("quality", pa.int64(), "OPC UA status code; null for an event or a whole batch"),
        Column("payload", pa.binary(), "the batch as received; null for a record"),
        Column("rows", pa.int64(), "rows concerned: 1, or those the batch claims", unit="1", nullable=False),
        Column("contract_version", _TEXT, "data contract it was sent under"),
        Column("received_at", TIME, "clock of the gateway that took the batch", nullable=False),
        Column("date", pa.date32(), "UTC day of `received_at`: the source time may be what is wrong", nullable=False),
    ),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
HISTORY = TableSpec(
    layer=Layer.BRONZE,
    name="history",
    description="Recorded lives from start to failure, loaded from a file without a bridge; outside the books.",
    grain="site, equipment, signal, ts",
    columns=(
        *_READING,
        Column("equipment_type", _TEXT, "type of the machine", nullable=False),
        Column("unit_number", pa.int32(), "number of the machine in the recording"),
        Column("step", pa.int32(), "position in the machine's life, from 1", unit="cycles", nullable=False),
        _DAY,
    ),
    keys=("site", "equipment_id", "signal", "ts"),
    owner="assets",
)

TABLES: tuple[TableSpec, ...] = (READINGS, EVENTS, BRIDGE_COUNTS, QUARANTINE, HISTORY)
