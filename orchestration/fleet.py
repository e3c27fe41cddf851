"""The fleet tables, once a day: after a consent was withdrawn, the next run leaves nothing of it."""

import asyncio
from pathlib import Path

import dagster as dg

from assets.fleet.deliver import Delivery
from assets.fleet.refresh import refresh
from core.audit import Actor
from core.log import get_logger
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy
from lake.opening import open_lake
from lake.tables import table
from quality.asset_checks import asset_key

FLEET = "fleet"
"""The job, and the resource its step works with."""
_EVERY_DAY = "40 2 * * *"
_log = get_logger("orchestration")


class FleetTables(dg.ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  Dagster's own parameter
    """The fleet tables of an installation.

    Attributes:
        run: the run folder.
    """

    run: str

    def refresh(self) -> Delivery:
        """See `assets.fleet.refresh`."""
        settings = load_settings()
        run = RunFolder.open(Path(self.run), settings)

        async def work() -> Delivery:
            async with await Tenancy.open(run, Postgres(run, settings), settings) as tenancy:
                lake = open_lake(run, settings)
                return await refresh(tenancy, lake, settings.tenancy.fleet_least_tenants, actor=Actor.service(FLEET))

        return asyncio.run(work())


@dg.op(description="Aggregates over the tenants whose consent is on record, delivered to each of them.")
def compare(context: dg.OpExecutionContext, fleet: FleetTables) -> None:
    """The run shows how many contributed and what was emptied, and fails if a tenant's lake could not be worked on."""
    done = fleet.refresh()
    for (slug, name), version in done.versions.items():
        rows = done.rows[name] if slug in done.contributors else 0
        metadata = {"delta_version": version, "dagster/row_count": rows}
        context.log_event(dg.AssetMaterialization(asset_key(table(name)), partition=slug, metadata=metadata))
    facts = {"contributors": len(done.contributors), "emptied": len(done.emptied), "failed": len(done.failed)}
    context.add_output_metadata({**facts, **done.rows})
    _log.info("fleet tables are delivered", action=FLEET, **facts)
    for slug, reason in done.failed.items():
        _log.error("fleet tables are not delivered", action=FLEET, tenant=slug, reason=reason)
    if done.failed:
        raise dg.Failure(f"the lakes of {', '.join(sorted(done.failed))} could not be worked on; the others are done")


@dg.job(name=FLEET, description="What is usual among tenants, once a day.", executor_def=dg.in_process_executor)
def fleet_job() -> None:
    """One step."""
    compare()


daily = dg.ScheduleDefinition(
    name="fleet_daily",
    job=fleet_job,
    cron_schedule=_EVERY_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="`platform lake fleet` by itself.",
)
