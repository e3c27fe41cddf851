"""Gold over several machines: what fails most, and what a whole site does."""

from __future__ import annotations

from lake.spec import Column, Layer, TableSpec
from lake.tables.columns import FAULT_CODE, FLOAT, INT, SEVERITY, TEXT, UNIT, UNIT_IS, day
from lake.tables.gold import EVER

PARETO_DAYS = 30
"""Days of faults that each day's Pareto looks back on, itself among them."""
_SITE = Column("site", TEXT, "site of the machines", nullable=False)

FAULT_PARETO = TableSpec(
    layer=Layer.GOLD,
    name="fault_pareto",
    description=(
        f"What fails most: of each site and equipment type the failure modes (fault codes, ISO 14224) of the last "
        f"{PARETO_DAYS} days by the time they stood in them, the longest first, those among them that were raised "
        "earlier. time = within these days, from raising to clearing, for a fault that stands to the end of the day; "
        "share = time / time of all failure modes; cumulative = share of it and of "
        "those before it."
    ),
    grain="site, equipment type, fault code, day",
    columns=(
        _SITE,
        Column("equipment_type", TEXT, "type of the machines", nullable=False),
        FAULT_CODE,
        SEVERITY,
        Column("rank", INT, "place by time, from 1; equal times by number of episodes, then by code", nullable=False),
        Column("machines", INT, "machines that had it", unit="1", nullable=False),
        Column("episodes", INT, "episodes that stood in these days", unit="1", nullable=False),
        Column("episode_share", FLOAT, "episodes / episodes of all failure modes", unit="1", nullable=False),
        Column("hours", FLOAT, "time it stood, summed over machines", unit="hour", nullable=False),
        Column("share", FLOAT, "of the time of all failure modes", unit="1", nullable=False),
        Column("cumulative", FLOAT, "share of it and of those of lower rank number", unit="1", nullable=False),
        day(),
    ),
    keys=("site", "equipment_type", "fault_code", "date"),
    owner="assets",
    lookback_days=EVER,
)
SITE_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="site_daily",
    description=(
        "Key figures of each site, equipment type and day, from gold.kpi_daily: throughput, fault_count and "
        "operating_time are sums over the machines of the day; mtbf = operating time / episodes and mttr = time to "
        "restore / episodes of every machine up to the day, those that never failed or have ended among them (ISO "
        "14224); the others are means over machines."
    ),
    grain="site, equipment type, KPI, day",
    columns=(
        _SITE,
        Column("equipment_type", TEXT, "type of the machines", nullable=False),
        Column("kpi", TEXT, "as in gold.kpi_daily", nullable=False),
        Column("value", FLOAT, "the figure of the site", unit=UNIT_IS, nullable=False),
        Column("lowest", FLOAT, "of its machines", unit=UNIT_IS, nullable=False),
        Column("highest", FLOAT, "of its machines", unit=UNIT_IS, nullable=False),
        UNIT,
        Column("machines", INT, "machines behind it", unit="1", nullable=False),
        day(),
    ),
    keys=("site", "equipment_type", "kpi", "date"),
    owner="assets",
    lookback_days=EVER,
)

TABLES: tuple[TableSpec, ...] = (FAULT_PARETO, SITE_DAILY)
