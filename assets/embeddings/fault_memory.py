"""`memory.fault_memory`: incidents in words with their vectors, in the tenant's database.

Grain: one fault episode, or the strangest day of a machine and month. Unit: cosine of unit vectors. Source:
`silver.fault_episodes`, `gold.health_daily`, `gold.deviation_daily`. Consumers: modules that look for similar
incidents. The whole memory is brought up to date whatever days a run covers: a fault that clears late changes an old
text.
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.databases import TenantDatabases
from assets.declared import OWNERS
from assets.embeddings.memory import VECTORS_FIT, bring_up_to_date, remember, vectors_fit
from assets.incidents import DEVIATIONS, EPISODES, HEALTH, read
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.resources import LakeResource
from assets.retrying import retried
from assets.window import require_predecessor, window
from core.db import Database
from core.embedding import MODEL, Embedder, embedder
from core.settings import load_settings
from quality.asset_checks import as_result, asset_key
from quality.outcome import Occasion, record

KEY = dg.AssetKey(["memory", "fault_memory"])
_FIT = dg.AssetCheckSpec(
    VECTORS_FIT, asset=KEY, blocking=True, description="Every vector is of the recorded model and has length 1."
)
_SPEC = dg.AssetSpec(
    KEY,
    deps=[asset_key(spec) for spec in (EPISODES, HEALTH, DEVIATIONS)],
    description="Incidents in words with their vectors, so that similar ones are found by meaning.",
    group_name="embeddings",
    owners=OWNERS,
    kinds={"postgres"},
)


@dg.multi_asset(specs=[_SPEC], check_specs=[_FIT], partitions_def=TENANT_DAYS, backfill_policy=WHOLE_RANGE)
@retried
def fault_memory(
    context: dg.AssetExecutionContext, lake: LakeResource, databases: TenantDatabases
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Incidents in words with their vectors."""
    require_predecessor(context)
    cells = window(context)
    tables = lake.tenant(cells.tenant)
    found = read(tables)
    memories = remember(found)

    async def work(database: Database) -> dg.MaterializeResult[Any]:
        done = await bring_up_to_date(database, memories, MODEL, _embedder)
        outcome = await vectors_fit(database, MODEL)
        record(tables, ".".join(KEY.path), [outcome], Occasion(cells.days, context.run.run_id, datetime.now(UTC)))
        return dg.MaterializeResult(
            asset_key=KEY,
            metadata={
                "model": MODEL,
                "dagster/row_count": done.held,
                "embedded": done.embedded,
                "forgotten": done.forgotten,
                "beyond the memory's bounds": len(found) - len(memories),
            },
            check_results=[as_result(KEY, outcome, cells.whose)],
        )

    return databases.work(cells.tenant, work)


def _embedder(texts: int) -> Embedder:
    return embedder(bulk=texts >= load_settings().embedding.bulk_from)
