"""Signals by the hour."""

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from assets.silver.holding import hourly
from lake.tables import silver


@table_asset(silver.SIGNAL_HOURLY, [silver.READINGS])
def signal_hourly(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Time-weighted figures of every numeric signal.

    Grain: machine, signal, hour. Source: silver readings of the day and the day before. Consumers: gold, agents.
    """
    build = Build(context, lake, tenants)
    readings = build.machines(silver.READINGS, silver.SIGNAL_HOURLY.lookback_days)
    rows = pl.concat([hourly(some, build.catalogue, build.days) for some in readings])
    return build.replace(silver.SIGNAL_HOURLY, rows)
