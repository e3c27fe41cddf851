"""Faults from raising to clearing."""

import dagster as dg

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from assets.silver.pairing import changed, episodes
from lake.tables import silver


@table_asset(silver.FAULT_EPISODES, [silver.EVENTS])
def fault_episodes(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Episodes raised in the window, and earlier ones that ended since.

    Grain: one episode. Source: all events, since a fault may stand for months. Consumers: key figures, agents.
    """
    build = Build(context, lake, tenants)
    events = build.lake.scan(silver.EVENTS).collect()
    now, before = episodes(events), build.lake.scan(silver.FAULT_EPISODES).collect()
    days = sorted({*build.days, *changed(before, now)["date"].to_list()})
    return build.replace(silver.FAULT_EPISODES, now.filter(now["date"].is_in(days)), days)
