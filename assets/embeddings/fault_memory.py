"""`memory.fault_memory`: incidents in words with their vectors, in the tenant's database.

Grain: one fault episode, or the strangest day of a machine and month. Unit: cosine of unit vectors. Source:
`silver.fault_episodes`, `gold.health_daily`, `gold.deviation_daily`. Consumers: modules that look for similar
incidents. The whole memory is brought up to date whatever days a run covers: a fault that clears late changes an old
text.
"""

from typing import Any

import dagster as dg

from assets.databases import TenantDatabases
from assets.embeddings.memory import bring_up_to_date, remember, unfit_vectors
from assets.incidents import DEVIATIONS, EPISODES, HEALTH, read
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.resources import LakeResource
from assets.window import window
from core.db import Database
from core.embedding import MODEL, Embedder, embedder
from core.settings import load_settings

KEY = dg.AssetKey(["memory", "fault_memory"])
_FIT = dg.AssetCheckSpec(
    "vectors_fit",
    asset=KEY,
    blocking=True,
    description="Every vector has the model's dimensions, its name and length 1.",
)


@dg.asset(
    key=KEY,
    deps=[dg.AssetKey([spec.layer.value, spec.name]) for spec in (EPISODES, HEALTH, DEVIATIONS)],
    partitions_def=TENANT_DAYS,
    backfill_policy=WHOLE_RANGE,
    check_specs=[_FIT],
    group_name="embeddings",
    kinds={"postgres"},
)
def fault_memory(
    context: dg.AssetExecutionContext, lake: LakeResource, databases: TenantDatabases
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Incidents in words with their vectors, so that similar ones are found by meaning."""
    tenant = window(context).tenant
    found = read(lake.tenant(tenant))
    memories = remember(found)

    async def work(database: Database) -> dg.MaterializeResult[Any]:
        done = await bring_up_to_date(database, memories, MODEL, _embedder)
        unfit = await unfit_vectors(database, MODEL)
        check = dg.AssetCheckResult(passed=unfit == 0, check_name=_FIT.name, metadata={"unfit vectors": unfit})
        return dg.MaterializeResult(
            metadata={
                "model": MODEL,
                "dagster/row_count": done.held,
                "embedded": done.embedded,
                "forgotten": done.forgotten,
                "incidents beyond the memory's bounds": len(found) - len(memories),
            },
            check_results=[check],
        )

    return databases.work(tenant, work)


def _embedder(texts: int) -> Embedder:
    return embedder(bulk=texts >= load_settings().embedding.bulk_from)
