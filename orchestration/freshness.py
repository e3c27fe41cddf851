"""Whether each tenant's published tables are as fresh as the marts over them need, once an hour."""

import dagster as dg

from assets.serving.freshness import CHECKS

FRESHNESS = "freshness"
_EVERY_HOUR = "20 * * * *"

freshness_job = dg.define_asset_job(
    FRESHNESS,
    selection=dg.AssetSelection.checks(*CHECKS),
    description="How long ago each published table of every tenant was published, by dbt.",
)
freshness_hourly = dg.ScheduleDefinition(
    name="freshness_hourly",
    job=freshness_job,
    cron_schedule=_EVERY_HOUR,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="`dbt source freshness` by itself, for every tenant.",
)
