"""Gold and the fault episodes, published into the tenant's schema `kpi`.

Grain: that of the lake table, except that of remaining life only the latest row of each machine is kept.
Consumers: the dbt marts, modules and agents.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from assets.databases import TenantDatabases, database_spec
from assets.notices import PUBLICATION
from assets.partitions import TENANT_DAYS, WHOLE_RANGE, partition_key
from assets.resources import LakeResource
from assets.retrying import retried_events
from assets.serving.equality import EQUALS_THE_LAKE, differences
from assets.serving.gate import require_met, withheld
from assets.serving.publish import days_to_publish, lake_version, prepare, publish, published_state, rows_to_publish
from assets.serving.tables import PUBLISHED, SCHEMA, Published
from assets.window import Window, require_predecessor, window
from core.db import Database
from core.errors import TerminalError
from lake.reader import LakeReader
from lake.store import TenantLake
from quality.asset_checks import as_result, asset_key
from quality.outcome import Occasion, days_in_words, record


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
    @retried_events
    def to_tenant(
        context: dg.AssetExecutionContext, lake: LakeResource, databases: TenantDatabases
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization]:
        require_predecessor(context)
        cells, tables = window(context), lake.tenant(window(context).tenant)
        failed = withheld(tables, published)
        back = frozenset(failed["day"])

        async def work(database: Database) -> dg.MaterializeResult[Any]:
            return await _publish(database, tables, published, cells, context.run.run_id, failed)

        try:
            done = databases.work(cells.tenant, work)
            if back.isdisjoint(cells.days):
                yield done
                return
            # The step fails for what it holds back; what it published is told of day by day.
            for day in sorted(set(cells.days) - back):
                yield dg.AssetMaterialization(key, partition=partition_key(cells.tenant, day), metadata=done.metadata)
            require_met(failed, cells.days)
        except TerminalError as error:
            cause, subject = PUBLICATION + published.name, f"{published.name} is not published"
            databases.tell(cells.tenant, cause, subject, str(error))
            raise

    return to_tenant


async def _publish(
    database: Database, lake: TenantLake, published: Published, cells: Window, run_id: str, failed: pl.DataFrame
) -> dg.MaterializeResult[Any]:
    """Publish the days of a window, and what changed before, but for days on which something stands failed.

    Raises:
        TerminalError: that is every day.
    """
    await prepare(database, PUBLISHED)
    version, back = lake_version(lake, published), frozenset(failed["day"])
    since, before = await published_state(database, published)
    wanted = days_to_publish(lake, published, since, [*cells.days, *before])
    if not (days := [day for day in wanted if day not in back]):
        require_met(failed, wanted)
    rows = rows_to_publish(lake, published, version, days, back)
    checks = LakeReader(lake).checks(published.source.full_name)
    done = await publish(database, published, rows, days, version=version, run_id=run_id, checks=checks, withheld=back)
    outcome = await differences(database, lake, published, version, back)
    record(lake, f"{SCHEMA}.{published.name}", [outcome], Occasion(cells.days, run_id, datetime.now(UTC)))
    key = published_key(published)
    facts = {"window": str(cells), "days": len(days), "withheld": days_in_words(back) or "none"}
    results = [as_result(key, outcome, cells.whose)]
    return dg.MaterializeResult(asset_key=key, metadata={**facts, **done.facts()}, check_results=results)


ASSETS: list[dg.AssetsDefinition] = [publishing(published) for published in PUBLISHED]
