"""Gold and the fault episodes, published into the tenant's schema `kpi`.

Grain: that of the lake table, except that of remaining life only the latest row of each machine is kept.
Consumers: the dbt marts, modules and agents.
"""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.databases import TenantDatabases, database_spec, outcome_as_result
from assets.notices import PUBLICATION
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.resources import LakeResource
from assets.retrying import retried
from assets.serving.equality import EQUALS_THE_LAKE, differences, latest_checks
from assets.serving.gate import require_all_met
from assets.serving.publish import days_to_publish, lake_version, prepare, publish, published_version, rows_to_publish
from assets.serving.tables import PUBLISHED, SCHEMA, Published
from assets.window import require_predecessor, window
from core.db import Database
from core.errors import TerminalError
from quality.asset_checks import asset_key
from quality.outcome import Occasion, record


def published_key(published: Published) -> dg.AssetKey:
    """The asset that a lake table becomes in the tenant's database."""
    return dg.AssetKey([SCHEMA, published.name])


def publishing(published: Published) -> dg.AssetsDefinition:
    """The asset that publishes one table; its check blocks the marts."""
    key = published_key(published)
    spec = database_spec(published.source, key, [asset_key(published.source)], group="serving")
    check = dg.AssetCheckSpec(
        EQUALS_THE_LAKE, asset=key, blocking=True, description="By day, as many rows as the lake at that version."
    )

    @dg.multi_asset(
        name=f"publish_{published.name}",
        specs=[spec],
        check_specs=[check],
        partitions_def=TENANT_DAYS,
        backfill_policy=WHOLE_RANGE,
    )
    @retried
    def to_tenant(
        context: dg.AssetExecutionContext, lake: LakeResource, databases: TenantDatabases
    ) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
        require_predecessor(context)
        cells, run_id = window(context), context.run.run_id
        tables = lake.tenant(cells.tenant)

        async def work(database: Database) -> dg.MaterializeResult[Any]:
            await prepare(database, PUBLISHED)
            version = lake_version(tables, published)
            days = days_to_publish(tables, published, await published_version(database, published), cells.days)
            require_all_met(tables, published, days)
            rows = rows_to_publish(tables, published, version, days)
            checks = latest_checks(tables, published.source.full_name)
            done = await publish(database, published, rows, days, version=version, run_id=run_id, checks=checks)
            outcome = await differences(database, tables, published, version)
            record(tables, f"{SCHEMA}.{published.name}", [outcome], Occasion(cells.days, run_id, datetime.now(UTC)))
            return dg.MaterializeResult(
                asset_key=key,
                metadata={"window": str(cells), "days": len(days), **done.facts()},
                check_results=[outcome_as_result(key, outcome)],
            )

        try:
            return databases.work(cells.tenant, work)
        except TerminalError as error:
            cause, subject = PUBLICATION + published.name, f"{published.name} is not published"
            databases.tell(cells.tenant, cause, subject, str(error))
            raise

    return to_tenant


ASSETS: list[dg.AssetsDefinition] = [publishing(published) for published in PUBLISHED]
