"""Machines: signals by the minute, the states they were in, and which there are."""

from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from assets.silver.minutes import minutely
from assets.silver.registry import registered, remembered
from assets.silver.states import contradicted, states, telling
from lake.tables import machines, silver


@table_asset(machines.SIGNAL_MINUTELY, [silver.READINGS])
def signal_minutely(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Time-weighted figures of every numeric signal.

    Grain: machine, signal, minute. Source: silver readings of the day and the day before. Consumers: charts, agents.
    """
    build = Build(context, lake, tenants)
    readings = build.machines(silver.READINGS, machines.SIGNAL_MINUTELY.lookback_days)
    rows = pl.concat([minutely(some, build.catalogue, build.days) for some in readings])
    return build.replace(machines.SIGNAL_MINUTELY, rows)


@table_asset(machines.EQUIPMENT_STATES, [silver.READINGS, silver.FAULT_EPISODES])
def equipment_states(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Intervals in which a machine ran, stood or was under a fault.

    Grain: machine, interval. Source: silver readings, all episodes. Consumers: agents.
    """
    build = Build(context, lake, tenants)
    spec = machines.EQUIPMENT_STATES
    raised = build.lake.scan(silver.FAULT_EPISODES).collect()
    heard = build.machines(silver.READINGS, spec.lookback_days, only=telling(build.catalogue))
    rows = pl.concat([states(some, build.catalogue, raised, build.days) for some in heard])
    # A fault may stand for months, so a late word of it changes days that nothing else touched.
    stored = build.lake.scan(spec, first=build.window.first).filter(~pl.col("date").is_in(list(build.days)))
    others = contradicted(stored.collect(), raised)
    more = [_states_of(build, day, raised) for day in others]
    return build.replace(spec, pl.concat([rows, *more]), sorted({*build.days, *others}), days_corrected=len(others))


def _states_of(build: Build, day: date, raised: pl.DataFrame) -> pl.DataFrame:
    """States of one day beyond the window."""
    readings = build.machines(silver.READINGS, machines.EQUIPMENT_STATES.lookback_days, day, telling(build.catalogue))
    return pl.concat([states(some, build.catalogue, raised, [day]) for some in readings])


@table_asset(machines.EQUIPMENT, [])
def equipment(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Which machines there are and were, and where they stand.

    Grain: machine, time since when it is described so. Source: the register of sites. Consumers: agents.
    """
    build = Build(context, lake, tenants)
    known = build.lake.scan(machines.EQUIPMENT).collect()
    return build.replace(machines.EQUIPMENT, remembered(known, registered(build.sites), datetime.now(UTC)))
