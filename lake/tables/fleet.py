"""Fleet: what is usual among tenants that agreed to it. Aggregates alone, each over several tenants.

The same rows stand in the lake of every tenant that agreed, and in no other: nobody needs a way to what is another's.
A tenant counts once, however many machines it has. There is no least, largest or median: each of those would be some
tenant's own figure. Versions before the present one are not kept: the difference of two would be the tenant that left.
"""

from __future__ import annotations

from lake.spec import Column, Layer, TableSpec
from lake.tables.columns import FAULT_CODE, FLOAT, INT, TEXT, UNIT, UNIT_IS, day

_TYPE = Column("equipment_type", TEXT, "type of the machines", nullable=False)
_TENANTS = Column("tenants", INT, "tenants behind the row", unit="1", nullable=False)
_MACHINES = Column("machines", INT, "their machines of the type behind it", unit="1", nullable=False)

FLEET_KPI_DAILY = TableSpec(
    layer=Layer.GOLD,
    name="fleet_kpi_daily",
    description=(
        "Each key figure by equipment type and day among the tenants whose consent is on record, at least five "
        "(setting `tenancy.fleet_least_tenants`); empty for tenants without one. Every tenant's figure is the mean "
        "over its machines, its mtbf and mttr those of all there ever were, as in gold.site_daily. Only the latest "
        "version is kept."
    ),
    grain="equipment type, KPI, day",
    columns=(
        _TYPE,
        Column("kpi", TEXT, "as in gold.kpi_daily", nullable=False),
        UNIT,
        _TENANTS,
        _MACHINES,
        Column("mean", FLOAT, "mean of the tenants' figures", unit=UNIT_IS, nullable=False),
        Column("spread", FLOAT, "standard deviation of the tenants' figures", unit=UNIT_IS, nullable=False),
        day(),
    ),
    keys=("equipment_type", "kpi", "unit", "date"),
    owner="assets",
    latest_only=True,
)
FLEET_FAULTS = TableSpec(
    layer=Layer.GOLD,
    name="fleet_faults",
    description=(
        "Which faults the machines of a type have among the tenants whose consent is on record, and how much of all "
        "faults each makes up; only faults that at least five tenants (setting `tenancy.fleet_least_tenants`) have "
        "had. Only the latest version is kept."
    ),
    grain="equipment type, fault code",
    columns=(
        _TYPE,
        FAULT_CODE,
        _TENANTS,
        _MACHINES,
        Column("share", FLOAT, "mean over the tenants of its share in their episodes", unit="1", nullable=False),
        Column("hours", FLOAT, "mean over the tenants of its mean time to clear", unit="hour"),
    ),
    keys=("equipment_type", "fault_code"),
    owner="assets",
    partition_by=(),
    latest_only=True,
)

TABLES: tuple[TableSpec, ...] = (FLEET_KPI_DAILY, FLEET_FAULTS)
