"""What time alone makes necessary: partitions ahead, and dropping what tables keep no longer, of every tenant."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from core.connector.fleet import Outcome, maintain_tenants
from core.log import get_logger
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy

UPKEEP = "upkeep"
"""The job, and the resource its step works with."""
_EVERY_DAY = "10 1 * * *"
_PARALLEL = 4
_log = get_logger("orchestration")


class TenantUpkeep(dg.ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  Dagster's own parameter
    """The tables of an installation's tenants.

    Attributes:
        run: the run folder.
    """

    run: str

    def maintain(self) -> list[Outcome]:
        """See `maintain_tenants`; one tenant that fails is in nobody's way."""
        settings = load_settings()
        run = RunFolder.open(Path(self.run), settings)

        async def work() -> list[Outcome]:
            async with await Tenancy.open(run, Postgres(run, settings), settings) as tenancy:
                scopes = await tenancy.list()
                return await maintain_tenants(tenancy, scopes, parallel=_PARALLEL, tell=lambda _: None)

        return asyncio.run(work())


@dg.op(description="Makes partitions ahead of time and drops those older than their tables keep.")
def look_after(context: dg.OpExecutionContext, upkeep: TenantUpkeep) -> None:
    """The run shows what was done to whose tables, and fails if any tenant's could not be looked after."""
    outcomes = upkeep.maintain()
    failed = [one for one in outcomes if one.error is not None]
    context.add_output_metadata(told(outcomes))
    _log.info("tables are looked after", action=UPKEEP, done=len(outcomes) - len(failed), failed=len(failed))
    for one in failed:
        _log.error("tables are not looked after", action=UPKEEP, tenant=one.tenant, schema=one.schema, reason=one.error)
    if failed:
        names = ", ".join(sorted({one.tenant for one in failed}))
        raise dg.Failure(f"the tables of {names} are not looked after; the others are", metadata=told(failed))


def told(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What a run says of its outcomes: a line each, and how many failed."""
    lines = "\n".join(f"| {one.tenant} | {one.schema or ''} | {one.said or one.error} |" for one in outcomes)
    table = f"| tenant | module | what |\n|---|---|---|\n{lines}" if lines else "nothing to make and nothing to drop"
    return {"outcomes": dg.MetadataValue.md(table), "failed": sum(one.error is not None for one in outcomes)}


@dg.job(name=UPKEEP, description="Every tenant's tables, once a day.", executor_def=dg.in_process_executor)
def upkeep_job() -> None:
    """One step."""
    look_after()


daily = dg.ScheduleDefinition(
    name="upkeep_daily",
    job=upkeep_job,
    cron_schedule=_EVERY_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="`platform tenants maintain` by itself; days on which nothing ran are made up for by the next.",
)
