"""Silver: each sample once, in the contract's unit, judged; what was judged bad stands in silver's own quarantine.

Written by the assets, a day at a time; building a day again gives the same day.
"""

from __future__ import annotations

import pyarrow as pa

from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import (
    CHANGE_TIME,
    FAULT_CODE,
    FLOAT,
    INT,
    LANE,
    LATE,
    MACHINE,
    QUALITY,
    RECEIVED_AT,
    ROLE,
    ROW_NO,
    SAMPLE_TIME,
    SEQ,
    SEVERITY,
    SIGNAL,
    STATE,
    TEXT,
    TEXT_VALUE,
    UNIT,
    UNIT_IS,
    day,
)

READINGS = TableSpec(
    layer=Layer.SILVER,
    name="readings",
    description="Every sample once, in the unit the contract names; the last one received wins.",
    grain="site, equipment, signal, ts",
    columns=(
        *MACHINE,
        SIGNAL,
        SAMPLE_TIME,
        Column("value", FLOAT, "value; null if textual or absent", unit=UNIT_IS),
        TEXT_VALUE,
        QUALITY,
        UNIT,
        ROLE,
        LATE,
        RECEIVED_AT,
        day("`ts`"),
    ),
    keys=("site", "equipment_id", "signal", "ts"),
    owner="assets",
)
EVENTS = TableSpec(
    layer=Layer.SILVER,
    name="events",
    description="Every change of state of an alarm or fault, once.",
    grain="event_id",
    columns=(
        Column("event_id", TEXT, "identity of the change", nullable=False),
        *MACHINE,
        CHANGE_TIME,
        FAULT_CODE,
        SEVERITY,
        STATE,
        Column("message", TEXT, "what the device or the rule says"),
        day("`ts`"),
    ),
    keys=("event_id",),
    owner="assets",
)
QUARANTINE = TableSpec(
    layer=Layer.SILVER,
    name="quarantine",
    description="Rows of bronze that silver's rules reject, with the reason; `rejected` in the books.",
    grain="one row of bronze: lane, seq, row_no",
    columns=(
        Column("kind", TEXT, "reading or event", nullable=False),
        Column("reason", TEXT, "why it was rejected", nullable=False),
        Column("site", TEXT, "site as sent", nullable=False),
        Column("equipment_id", TEXT, "machine as sent", nullable=False),
        Column("signal", TEXT, "signal; the fault code for an event", nullable=False),
        CHANGE_TIME,
        Column("value", FLOAT, "value in the contract's unit; the severity of an event", unit=UNIT_IS),
        Column("text", TEXT, "text as sent; the state of an event"),
        Column("quality", INT, "OPC UA status code; null for an event"),
        Column("unit", TEXT, "unit of the value; null if the signal is unknown, or for an event"),
        LATE,
        LANE,
        SEQ,
        ROW_NO,
        RECEIVED_AT,
        day("`ts`"),
    ),
    keys=("kind", "lane", "seq", "row_no"),
    owner="assets",
)
FAULT_EPISODES = TableSpec(
    layer=Layer.SILVER,
    name="fault_episodes",
    description=(
        "Each fault from its raising to its clearing. A row is written again when its fault clears, however much "
        "later that is, and it keeps the day of raising."
    ),
    grain="site, equipment, fault code, raised_at",
    columns=(
        Column("episode_id", TEXT, "hash of site, equipment, fault code and raised_at", nullable=False),
        *MACHINE,
        FAULT_CODE,
        Column("severity", pa.int32(), "highest score of 0 to 100 while it stood", nullable=False),
        Column("level", TEXT, "info below 70, warning from 70, critical from 90", nullable=False),
        Column("message", TEXT, "what the device or the rule said on raising"),
        Column("raised_at", TIME, "source time of raising", nullable=False),
        Column("cleared_at", TIME, "source time of clearing; null while it stands"),
        Column("duration_s", FLOAT, "time from raising to clearing; null while it stands", unit="s"),
        day("`raised_at`"),
    ),
    keys=("episode_id",),
    owner="assets",
)
SIGNAL_HOURLY = TableSpec(
    layer=Layer.SILVER,
    name="signal_hourly",
    description=(
        "Each numeric signal by the hour. A good value holds until the next sample; a bad sample ends it, and so "
        "do three median sampling intervals without one unless the contract's deadband explains the silence."
    ),
    grain="site, equipment, signal, hour",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        ROLE,
        Column("hour", TIME, "start of the hour, UTC", nullable=False),
        Column("mean", FLOAT, "time-weighted mean of the values held", unit=UNIT_IS, nullable=False),
        Column("min", FLOAT, "lowest value held", unit=UNIT_IS, nullable=False),
        Column("max", FLOAT, "highest value held", unit=UNIT_IS, nullable=False),
        Column("last", FLOAT, "value held last", unit=UNIT_IS, nullable=False),
        Column("samples", INT, "good samples whose time lies in the hour", unit="1", nullable=False),
        Column("observed_s", FLOAT, "time of the hour during which a value was held", unit="s", nullable=False),
        day("`hour`"),
    ),
    keys=("site", "equipment_id", "signal", "hour"),
    owner="assets",
    lookback_days=1,
)

TABLES: tuple[TableSpec, ...] = (READINGS, EVENTS, QUARANTINE, FAULT_EPISODES, SIGNAL_HOURLY)
