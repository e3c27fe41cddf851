"""Every tenant's Delta tables kept fast and small: a run a tenant and day, on the tenant's own page in Dagster."""

from collections.abc import Container, Iterable, Sequence
from datetime import date
from typing import Any

import dagster as dg

from assets.partitions import TENANT_TAG, TENANTS
from assets.resources import LakeResource, TenantResource
from core.log import get_logger
from lake.tables import TABLES
from lake.upkeep import Optimized, optimize
from quality.standing import still_needed

OPTIMIZE = "optimize"
"""The job; a run of it is one tenant's."""
_EVERY_DAY = "40 1 * * *"
_REST_S = 3600.0
"""A day that was written within the last hour is likely to be written again."""
_log = get_logger("orchestration")


@dg.op(
    description="Brings small files together, lays rows along a Z-curve, drops days kept no longer, then files that no "
    "kept version needs."
)
def look_after_lake(context: dg.OpExecutionContext, lake: LakeResource) -> None:
    """The run shows what was done to which table, and fails if one could not be looked after."""
    tenant = context.partition_key
    tables = lake.tenant(tenant)
    outcomes = list(optimize(tables, list(TABLES.values()), rest_s=_REST_S, needed=still_needed(tables)))
    context.add_output_metadata(told(outcomes))
    failed = [one for one in outcomes if one.error is not None]
    _log.info("lake is looked after", action=OPTIMIZE, tenant=tenant, done=len(outcomes) - len(failed))
    for one in failed:
        _log.error("table is not looked after", action=OPTIMIZE, tenant=tenant, table=one.table, reason=one.error)
    if failed:
        names = ", ".join(one.table for one in failed)
        raise dg.Failure(f"{names} of {tenant} are not looked after; the others are", metadata=told(failed))


def told(outcomes: Sequence[Optimized]) -> dict[str, Any]:
    """What a run says of its outcomes: a line for each table that had something to do, and the sums."""
    lines = "\n".join(f"| {one.table} | {one.words} |" for one in outcomes if not one.idle)
    return {
        "outcomes": dg.MetadataValue.md(f"| table | what |\n|---|---|\n{lines}" if lines else "nothing to do"),
        "compacted": sum(one.compacted for one in outcomes),
        "clustered": sum(one.clustered for one in outcomes),
        "expired": sum(one.expired for one in outcomes),
        "vacuumed": sum(one.vacuumed for one in outcomes),
    }


@dg.job(
    name=OPTIMIZE,
    description="A tenant's Delta tables, once a day: compaction, Z-order, vacuum.",
    partitions_def=TENANTS,
    executor_def=dg.in_process_executor,
)
def optimize_job() -> None:
    """One step."""
    look_after_lake()


@dg.schedule(
    name="optimize_daily",
    job=optimize_job,
    cron_schedule=_EVERY_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="`platform lake optimize` by itself, for every tenant.",
)
def optimize_daily(
    context: dg.ScheduleEvaluationContext, tenants: TenantResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run a tenant that Dagster knows."""
    known = context.instance.get_dynamic_partitions(str(TENANTS.name))
    requests = requests_of(tenants.slugs(), known, context.scheduled_execution_time.date())
    return requests or dg.SkipReason("no tenant has data")


def requests_of(tenants: Iterable[str], known: Container[str], day: date) -> list[dg.RunRequest]:
    """One run of a day for each tenant that is a partition already; the others have nothing built yet."""
    return [
        dg.RunRequest(run_key=f"{slug}/{day}", partition_key=slug, tags={TENANT_TAG: slug})
        for slug in tenants
        if slug in known
    ]
