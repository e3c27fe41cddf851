"""Bronze: what the bridges sent, row for row, and what could not be used, with its reason.

Written by the sink alone, appended to and never changed. Delta has no unsigned integers, so the OPC UA status code
of 32 bits stands in a signed one of 64.
"""

from __future__ import annotations

import pyarrow as pa

from core.contracts.reading import COUNT_COLUMNS
from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import (
    CHANGE_TIME,
    FAULT_CODE,
    FLOAT,
    INT,
    LANE,
    QUALITY,
    RECEIVED_AT,
    ROW_NO,
    SAMPLE_TIME,
    SEQ,
    SEVERITY,
    SIGNAL,
    STATE,
    TEXT,
    TEXT_VALUE,
    day,
)

_READING = (
    Column("site", TEXT, "site the reading comes from", nullable=False),
    Column("equipment_id", TEXT, "machine", nullable=False),
    SIGNAL,
    SAMPLE_TIME,
    Column("value", FLOAT, "value; null if textual or absent", unit="as the contract of the signal says"),
    TEXT_VALUE,
    QUALITY,
)
_EVENT = (
    Column("event_id", TEXT, "identity of the change, the same when sent twice", nullable=False),
    Column("site", TEXT, "site the event comes from", nullable=False),
    Column("equipment_id", TEXT, "machine", nullable=False),
    CHANGE_TIME,
    FAULT_CODE,
    SEVERITY,
    STATE,
    Column("message", TEXT, "what the device says"),
)
_ORIGIN = (
    LANE,
    SEQ,
    ROW_NO,
    Column("contract_version", TEXT, "data contract it was sent under", nullable=False),
    RECEIVED_AT,
)

READINGS = TableSpec(
    layer=Layer.BRONZE,
    name="readings",
    description="Every reading that left a site under its contract, windows included.",
    grain="one reading as sent: lane, seq, row_no",
    columns=(*_READING, *_ORIGIN, day("`ts`")),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
EVENTS = TableSpec(
    layer=Layer.BRONZE,
    name="events",
    description="Every change of state of an alarm or fault, those of edge rules included.",
    grain="one change as sent: lane, seq, row_no",
    columns=(*_EVENT, *_ORIGIN, day("`ts`")),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
GAPS = TableSpec(
    layer=Layer.BRONZE,
    name="gaps",
    description=(
        "Source time that nobody read, as the bridges noticed it, and times without a link; a gap that is void is told "
        "once more."
    ),
    grain="one notice as sent: lane, seq, row_no",
    columns=(
        Column("gap_id", TEXT, "identity of the gap", nullable=False),
        Column("site", TEXT, "site of the machine", nullable=False),
        Column("equipment_id", TEXT, "machine", nullable=False),
        Column("ts", TIME, "source time of the last reading before, exclusive; see `reason`", nullable=False),
        Column("until", TIME, "source time of the first reading after, exclusive; see `reason`", nullable=False),
        Column(
            "reason",
            TEXT,
            "bridge_down, device_lost, missed_scan or outbox_full; link_down or clock_set_back, whose times are the "
            "bridge's clock's",
            nullable=False,
        ),
        Column("state", TEXT, "found, or void: a late reading turned up in it", nullable=False),
        *_ORIGIN,
        day("`ts`"),
    ),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
BRIDGE_COUNTS = TableSpec(
    layer=Layer.BRONZE,
    name="bridge_counts",
    description="The bridges' own books as increments: sum them for the bridge's side of the reconciliation.",
    grain="one increment: lane, seq, site, equipment, signal, hour of `ts`",
    columns=(
        Column("site", TEXT, "site counted", nullable=False),
        Column("equipment_id", TEXT, "machine", nullable=False),
        Column("signal", TEXT, "signal; `*` for withheld ones, `rule:<name>` for edge rules", nullable=False),
        Column("hour", TIME, "hour of the readings' source time", nullable=False),
        *(Column(name, INT, f"readings {name}", unit="1", nullable=False) for name in COUNT_COLUMNS),
        Column("lane", TEXT, "`<bridge>/<incarnation>/<lane>` that carried the increment", nullable=False),
        SEQ,
        day("`hour`"),
    ),
    keys=("lane", "seq", "site", "equipment_id", "signal", "hour"),
    owner="ingestion",
)
QUARANTINE = TableSpec(
    layer=Layer.BRONZE,
    name="quarantine",
    description=(
        "What could not be used, with its reason: single records the sink rejected, and whole batches refused, row by "
        "row as far as they can be read."
    ),
    grain="one row as sent, or one batch that cannot be read",
    columns=(
        Column("kind", TEXT, "record, or batch if the whole batch was rejected", nullable=False),
        Column("reason", TEXT, "why it was rejected", nullable=False),
        Column("lane", TEXT, "`<bridge>/<incarnation>/<lane>` that carried it", nullable=False),
        SEQ,
        Column("row_no", pa.int32(), "position in the batch; null for a batch that cannot be read"),
        Column("site", TEXT, "site of the bridge; null if no bridge can be told"),
        Column("equipment_id", TEXT, "machine; null if unreadable"),
        Column("signal", TEXT, "signal; the fault code of an event, the reason of a gap; null if unreadable"),
        Column("ts", TIME, "source clock; null if unreadable"),
        Column("value", FLOAT, "value as sent", unit="as the contract of the signal says"),
        Column("text", TEXT, "text as sent; the message of an event"),
        Column("quality", INT, "OPC UA status code; null for what is no reading"),
        Column("payload", pa.binary(), "the batch as received, on its first row; null for a record"),
        Column("rows", INT, "rows concerned: 1, or those an unreadable batch claims", unit="1", nullable=False),
        Column("contract_version", TEXT, "data contract it was sent under"),
        RECEIVED_AT,
        day("`received_at`: the source time may be what is wrong"),
        Column("original", TEXT, "the row as sent, JSON, where the columns do not say all: an event, a gap's notice"),
        Column("header", TEXT, "the header of the batch, JSON, beside its payload"),
    ),
    keys=("lane", "seq", "row_no"),
    owner="ingestion",
)
READMISSIONS = TableSpec(
    layer=Layer.BRONZE,
    name="readmissions",
    description="Rows of quarantine that were let in after all, once what kept them out had been corrected.",
    grain="one row of quarantine",
    columns=(
        LANE,
        SEQ,
        Column("row_no", pa.int32(), "position in the batch; null for a batch that can be read by now"),
        Column("site", TEXT, "site the row comes from", nullable=False),
        Column("equipment_id", TEXT, "machine; null for a whole batch"),
        Column("signal", TEXT, "signal; the fault code of an event, the reason of a gap; null for a whole batch"),
        Column("ts", TIME, "source clock; null for a whole batch"),
        Column("reason", TEXT, "why it had been rejected", nullable=False),
        Column("contract_version", TEXT, "data contract it was let in under", nullable=False),
        Column("readmitted_at", TIME, "when it was let in", nullable=False),
        Column("readmitted_by", TEXT, "who let it in", nullable=False),
        day("`ts`; of the day it was received, for a whole batch"),
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
        Column("equipment_type", TEXT, "type of the machine", nullable=False),
        Column("unit_number", pa.int32(), "number of the machine in the recording"),
        Column("step", pa.int32(), "position in the machine's life, from 1", unit="cycles", nullable=False),
        day("`ts`"),
    ),
    keys=("site", "equipment_id", "signal", "ts"),
    owner="assets",
)

TABLES: tuple[TableSpec, ...] = (READINGS, EVENTS, GAPS, BRIDGE_COUNTS, QUARANTINE, READMISSIONS, HISTORY)
