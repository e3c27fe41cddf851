"""Silver about machines: their signals by the minute, the states they were in, and which there are."""

from __future__ import annotations

from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import FLOAT, INT, MACHINE, ROLE, SIGNAL, TEXT, UNIT, UNIT_IS, day

SIGNAL_MINUTELY = TableSpec(
    layer=Layer.SILVER,
    name="signal_minutely",
    description=(
        "Each numeric signal by the minute, time-weighted; values hold as in silver.signal_hourly. A minute without a "
        "sample has no row, but for the first of a day that began under a value: until `until`, `last` held."
    ),
    grain="site, equipment, signal, minute",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        ROLE,
        Column("minute", TIME, "start of the minute, UTC", nullable=False),
        Column("mean", FLOAT, "time-weighted mean of the values held", unit=UNIT_IS, nullable=False),
        Column("min", FLOAT, "lowest value held", unit=UNIT_IS, nullable=False),
        Column("max", FLOAT, "highest value held", unit=UNIT_IS, nullable=False),
        Column("last", FLOAT, "value held last", unit=UNIT_IS, nullable=False),
        Column("samples", INT, "good samples whose time lies in the minute", unit="1", nullable=False),
        Column("observed_s", FLOAT, "time of the minute during which a value was held", unit="s", nullable=False),
        Column("until", TIME, "until when `last` held; midnight at most", nullable=False),
        day("`minute`"),
    ),
    keys=("site", "equipment_id", "signal", "minute"),
    owner="assets",
    lookback_days=1,
)
EQUIPMENT_STATES = TableSpec(
    layer=Layer.SILVER,
    name="equipment_states",
    description=(
        "From when to when each machine ran, stood or was under a fault. A machine runs while its signal with role "
        "running is at least one half, and throughout without such a signal; a fault outweighs both; time in which it "
        "was not heard is in no interval. Intervals end at midnight. A fault told of late, or cleared "
        "late, changes every day on which it stood."
    ),
    grain="site, equipment, interval",
    columns=(
        *MACHINE,
        Column("state", TEXT, "running, stopped or faulted", nullable=False),
        Column("started_at", TIME, "when it began", nullable=False),
        Column("ended_at", TIME, "when it ended, exclusive", nullable=False),
        Column("duration_s", FLOAT, "from `started_at` to `ended_at`", unit="s", nullable=False),
        day("`started_at`"),
    ),
    keys=("site", "equipment_id", "started_at"),
    owner="assets",
    lookback_days=1,
)
EQUIPMENT = TableSpec(
    layer=Layer.SILVER,
    name="equipment",
    description=(
        "Every machine with its place in the ISA-95 hierarchy of equipment, as the sites describe it; a change ends a "
        "row and begins one (slowly changing, type 2)."
    ),
    grain="site, equipment, valid_from",
    columns=(
        Column("enterprise", TEXT, "ISA-95 enterprise: the tenant", nullable=False),
        Column("site", TEXT, "ISA-95 site", nullable=False),
        Column("site_name", TEXT, "the site as people call it", nullable=False),
        Column("area", TEXT, "ISA-95 area; null if the site file does not say"),
        Column("line", TEXT, "ISA-95 production line; null if the site file does not say"),
        Column("equipment_id", TEXT, "ISA-95 work unit: the machine", nullable=False),
        Column("equipment_type", TEXT, "type of the machine", nullable=False),
        Column("signals", INT, "signals it has", unit="1", nullable=False),
        Column("timezone", TEXT, "time zone of the site", nullable=False),
        Column("contract_version", TEXT, "data contract in force on the site", nullable=False),
        Column("valid_from", TIME, "since when the lake knows it so", nullable=False),
        Column("valid_until", TIME, "until when it was so; null if it is"),
    ),
    keys=("site", "equipment_id", "valid_from"),
    owner="assets",
    partition_by=(),
)

TABLES: tuple[TableSpec, ...] = (SIGNAL_MINUTELY, EQUIPMENT_STATES, EQUIPMENT)
