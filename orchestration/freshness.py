"""Whether each tenant's published tables are as fresh as the marts over them need, once an hour."""

from collections.abc import Sequence

import dagster as dg

from assets.databases import TenantDatabases
from assets.partitions import TENANT_TAG, TENANTS
from assets.resources import TenantResource
from assets.serving.dbt_run import DbtProjectFiles, source_ages
from assets.serving.freshness import evaluation
from orchestration.dbt_project import manifest, project_dir

FRESHNESS = "source_freshness"
_EVERY_HOUR = "20 * * * *"


@dg.op(description="dbt source freshness of one tenant; what it finds stands with the published tables' checks.")
def look_at_sources(context: dg.OpExecutionContext, databases: TenantDatabases) -> None:
    """The run succeeds whatever the ages are: a table that is late is no failure of the look."""
    tenant = context.partition_key
    files = DbtProjectFiles(project_dir(), manifest())
    ages = source_ages(files, databases.dsn(tenant), databases.scratch(tenant))
    for age in ages:
        context.instance.report_runless_asset_event(evaluation(age))
    context.add_output_metadata({age.name: age.status for age in ages})


@dg.job(
    name="freshness",
    description="How long ago each published table of a tenant was published, by dbt.",
    partitions_def=TENANTS,
    executor_def=dg.in_process_executor,
)
def freshness_job() -> None:
    """One step."""
    look_at_sources()


@dg.schedule(
    name="freshness_hourly",
    job=freshness_job,
    cron_schedule=_EVERY_HOUR,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="`dbt source freshness` by itself, for every tenant.",
)
def freshness_hourly(context: dg.ScheduleEvaluationContext, tenants: TenantResource) -> Sequence[dg.RunRequest]:
    """One run a tenant that Dagster knows."""
    known = set(context.instance.get_dynamic_partitions(str(TENANTS.name)))
    at = context.scheduled_execution_time.isoformat()
    return [
        dg.RunRequest(run_key=f"{slug}/{at}", partition_key=slug, tags={TENANT_TAG: slug})
        for slug in tenants.slugs()
        if slug in known
    ]
