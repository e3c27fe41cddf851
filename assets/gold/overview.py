"""Gold over several machines: failure modes by weight, and whole sites."""

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.gold.rollups import fault_pareto as pareto_of
from assets.gold.rollups import site_daily as sites_of
from assets.resources import LakeResource, TenantResource
from lake.tables import gold, rollups, silver


@table_asset(rollups.FAULT_PARETO, [silver.FAULT_EPISODES])
def fault_pareto(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """What fails most.

    Grain: site, type, failure mode, day. Source: all episodes, a fault may stand for months. Consumers: agents.
    """
    build = Build(context, lake, tenants)
    raised = build.scan(silver.FAULT_EPISODES, gold.EVER)
    return build.replace(rollups.FAULT_PARETO, pareto_of(raised, build.days))


@table_asset(rollups.SITE_DAILY, [gold.KPI_DAILY])
def site_daily(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Key figures of whole sites.

    Grain: site, type, KPI, day. Source: key figures of the machines. Consumers: agents, reports.
    """
    build = Build(context, lake, tenants)
    lifelong = pl.col("kpi").is_in(gold.LIFELONG_KPIS)
    kpis = build.scan(gold.KPI_DAILY, gold.EVER).filter(lifelong | (pl.col("date") >= build.window.first))
    return build.replace(rollups.SITE_DAILY, sites_of(kpis.collect(), build.days))
