"""`training.pairs`: incidents as drafted training pairs, and their state of review in the tenant's database.

Grain: one fault episode, or the strangest day of a machine and month. Source: `silver.fault_episodes`,
`gold.health_daily`, `gold.deviation_daily`. Consumers: reviewers, and the export of reviewed sets. The whole set is
drafted anew whatever days a run covers; only what changed is written, and nothing is ever approved here.
"""

import dagster as dg

from assets.build import Build
from assets.databases import TenantDatabases
from assets.declared import table_asset
from assets.incidents import DEVIATIONS, EPISODES, HEALTH, read
from assets.resources import LakeResource, TenantResource
from assets.training.draft import draft
from assets.training.drafting import keep, propose, table_of
from lake.tables.training import PAIRS


@table_asset(PAIRS, [EPISODES, HEALTH, DEVIATIONS])
def pairs(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource, databases: TenantDatabases
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Incidents as drafted training pairs that await an expert."""
    build = Build(context, lake, tenants)
    drafts = table_of([draft(incident) for incident in read(build.lake)])
    version, is_new = keep(build.lake, drafts)
    states = databases.work(build.window.tenant, lambda database: propose(database, drafts))
    facts = {f"{status} pairs": count for status, count in states.items()}
    return build.report(PAIRS, build.check(PAIRS, drafts), drafts, delta_version=version, new_version=is_new, **facts)
