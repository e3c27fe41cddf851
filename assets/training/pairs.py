"""`training.pairs`: incidents as drafted training pairs, and their state of review in the tenant's database.

Grain: one fault episode, or the strangest day of a machine and month. Source: `silver.fault_episodes`,
`gold.health_daily`, `gold.deviation_daily`. Consumers: reviewers, and the export of reviewed sets. The whole set is
drafted anew whatever days a run covers; only what changed is written, and nothing is ever approved here.
"""

import dagster as dg

from assets.databases import TenantDatabases
from assets.incidents import DEVIATIONS, EPISODES, HEALTH, read
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.resources import LakeResource
from assets.training.draft import draft
from assets.training.drafting import keep, propose, table_of, unfit
from assets.window import window

KEY = dg.AssetKey(["training", "pairs"])
_FIT = dg.AssetCheckSpec(
    "pairs_are_unique_and_tagged",
    asset=KEY,
    blocking=True,
    description="Each pair stands once, carries every tag, and is a draft.",
)


@dg.asset(
    key=KEY,
    deps=[dg.AssetKey([spec.layer.value, spec.name]) for spec in (EPISODES, HEALTH, DEVIATIONS)],
    partitions_def=TENANT_DAYS,
    backfill_policy=WHOLE_RANGE,
    check_specs=[_FIT],
    group_name="training",
    kinds={"delta", "postgres"},
)
def pairs(context: dg.AssetExecutionContext, lake: LakeResource, databases: TenantDatabases) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Incidents as drafted training pairs that await an expert."""
    tenant = window(context).tenant
    tables = lake.tenant(tenant)
    drafts = table_of([draft(incident) for incident in read(tables)])
    wrong = unfit(drafts)
    version, is_new = keep(tables, drafts)
    states = databases.work(tenant, lambda database: propose(database, drafts))
    return dg.MaterializeResult(
        metadata={
            "delta_version": version,
            "new version": is_new,
            "dagster/row_count": drafts.height,
            **{f"{status} pairs": count for status, count in states.items()},
        },
        check_results=[
            dg.AssetCheckResult(passed=not wrong, check_name=_FIT.name, metadata={"pairs that do not fit": wrong})
        ],
    )
