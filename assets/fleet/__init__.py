"""Fleet: aggregates over the tenants that agreed, written by a job over all of them and observed here."""

import dagster as dg

from assets.declared import table_spec
from assets.partitions import TENANTS
from lake.tables import fleet, gold, silver

ASSETS: list[dg.AssetSpec] = [
    table_spec(fleet.FLEET_KPI_DAILY, [gold.KPI_DAILY], partitions_def=TENANTS),
    table_spec(fleet.FLEET_FAULTS, [silver.FAULT_EPISODES], partitions_def=TENANTS),
]
CHECKS: list[dg.AssetChecksDefinition] = []
"""None: what a row rests upon is held when it is made."""
