"""Silver: each sample once, in the contract's unit, judged; what was judged bad stands in silver's own quarantine.

Written by the assets, a day at a time; building a day again gives the same day.
"""

from __future__ import annotations

import pyarrow as pa

from lake.spec import TIME, Column, Layer, TableSpec

_TEXT = pa.string()
_FLOAT = pa.float64()
_UNIT_IS = "column unit"

_MACHINE = (
    Column("site", _TEXT, "site the machine stands on", nullable=False),
    Column("equipment_id", _TEXT, "machine", nullable=False),
    Column("equipment_type", _TEXT, "type of the machine", nullable=False),
)
_SIGNAL = Column("signal", _TEXT, "signal, or `<signal>:<aggregate>:<duration>` for a window", nullable=False)
_UNIT = Column("unit", _TEXT, "unit of the values of this row", nullable=False)
_DAY = Column("date", pa.date32(), "UTC day of `ts`", nullable=False)

READINGS = TableSpec(
    layer=Layer.SILVER,
    name="readings",
    description="Every sample once, in the unit the contract names; the last one received wins.",
    grain="site, equipment, signal, ts",
    columns=(
        *_MACHINE,
        _SIGNAL,
        Column("ts", TIME, "source clock; the start, for a window", nullable=False),
        Column("value", _FLOAT, "value; null if textual or absent", unit=_UNIT_IS),
        Column("text", _TEXT, "value of a textual signal"),
        Column("quality", pa.int64(), "OPC UA status code (Part 4, 7.39)", nullable=False),
        _UNIT,
        Column("role", _TEXT, "running, speed, count, good or fault; null for a signal without a role"),
        Column("late", pa.bool_(), "arrived after its day had been built", nullable=False),
        Column("received_at", TIME, "clock of the gateway that took the batch", nullable=False),
        _DAY,
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
        Column("event_id", _TEXT, "identity of the change", nullable=False),
        *_MACHINE,
        Column("ts", TIME, "source clock", nullable=False),
        Column("fault_code", _TEXT, "code of the alarm or fault", nullable=False),
        Column("severity", pa.int32(), "score of 0 to 100", nullable=False),
        Column("state", _TEXT, "raised, cleared or acknowledged", nullable=False),
        Column("message", _TEXT, "what the device or the rule says"),
        _DAY,
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
        Column("kind", _TEXT, "reading or event", nullable=False),
        Column("reason", _TEXT, "why it was rejected", nullable=False),
        Column("site", _TEXT, "site as sent", nullable=False),
        Column("equipment_id", _TEXT, "machine as sent", nullable=False),
        Column("signal", _TEXT, "signal; the fault code for an event", nullable=False),
        Column("ts", TIME, "source clock", nullable=False),
        Column("value", _FLOAT, "value in the contract's unit; the severity of an event", unit=_UNIT_IS),
        Column("text", _TEXT, "text as sent; the state of an event"),
        Column("quality", pa.int64(), "OPC UA status code; null for an event"),
        Column("unit", _TEXT, "unit of the value; null if the signal is unknown, or for an event"),
        Column("late", pa.bool_(), "arrived after its day had been built", nullable=False),
        Column("lane", _TEXT, "`<bridge>/<incarnation>/<lane>` that carried the row", nullable=False),
        Column("seq", pa.int64(), "number of its batch in the lane", nullable=False),
        Column("row_no", pa.int32(), "position of the row in the batch, from 0", nullable=False),
        Column("received_at", TIME, "clock of the gateway that took the batch", nullable=False),
        _DAY,
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
        Column("episode_id", _TEXT, "hash of site, equipment, fault code and raised_at", nullable=False),
        *_MACHINE,
        Column("fault_code", _TEXT, "code of the alarm or fault", nullable=False),
        Column("severity", pa.int32(), "highest score of 0 to 100 while it stood", nullable=False),
        Column("level", _TEXT, "info below 70, warning from 70, critical from 90", nullable=False),
        Column("message", _TEXT, "what the device or the rule said on raising"),
        Column("raised_at", TIME, "source time of raising", nullable=False),
        Column("cleared_at", TIME, "source time of clearing; null while it stands"),
        Column("duration_s", _FLOAT, "time from raising to clearing; null while it stands", unit="s"),
        Column("date", pa.date32(), "UTC day of `raised_at`", nullable=False),
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
        *_MACHINE,
        _SIGNAL,
        _UNIT,
        Column("role", _TEXT, "running, speed, count, good or fault; null for a signal without a role"),
        Column("hour", TIME, "start of the hour, UTC", nullable=False),
        Column("mean", _FLOAT, "time-weighted mean of the values held", unit=_UNIT_IS, nullable=False),
        Column("min", _FLOAT, "lowest value held", unit=_UNIT_IS, nullable=False),
        Column("max", _FLOAT, "highest value held", unit=_UNIT_IS, nullable=False),
        Column("last", _FLOAT, "value held last", unit=_UNIT_IS, nullable=False),
        Column("samples", pa.int64(), "good samples whose time lies in the hour", unit="1", nullable=False),
        Column("observed_s", _FLOAT, "time of the hour during which a value was held", unit="s", nullable=False),
        Column("date", pa.date32(), "UTC day of `hour`", nullable=False),
    ),
    keys=("site", "equipment_id", "signal", "hour"),
    owner="assets",
    lookback_days=1,
)

TABLES: tuple[TableSpec, ...] = (READINGS, EVENTS, QUARANTINE, FAULT_EPISODES, SIGNAL_HOURLY)
