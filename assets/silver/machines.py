"""Machines: signals by the minute, the states they were in, and which there are."""

from datetime import UTC, datetime

import dagster as dg

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from assets.silver.minutes import minutely
from assets.silver.registry import registered, remembered
from assets.silver.states import states
from lake.tables import gold, machines, silver


@table_asset(machines.SIGNAL_MINUTELY, [silver.READINGS])
def signal_minutely(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Time-weighted figures of every numeric signal.

    Grain: machine, signal, minute. Source: silver readings of the day and the day before. Consumers: charts, agents.
    """
    build = Build(context, lake, tenants)
    readings = build.read(silver.READINGS, machines.SIGNAL_MINUTELY.lookback_days)
    return build.replace(machines.SIGNAL_MINUTELY, minutely(readings, build.catalogue, build.days))


@table_asset(machines.EQUIPMENT_STATES, [silver.READINGS, silver.FAULT_EPISODES])
def equipment_states(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Intervals in which a machine ran, stood or was under a fault.

    Grain: machine, interval. Source: silver readings, all episodes raised so far. Consumers: site roll-ups, agents.
    """
    build = Build(context, lake, tenants)
    readings = build.read(silver.READINGS, lookback_days=1)
    raised = build.read(silver.FAULT_EPISODES, gold.EVER)
    return build.replace(machines.EQUIPMENT_STATES, states(readings, build.catalogue, raised, build.days))


@table_asset(machines.EQUIPMENT, [])
def equipment(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Which machines there are and were, and where they stand.

    Grain: machine, time since when it is described so. Source: the register of sites. Consumers: agents.
    """
    build = Build(context, lake, tenants)
    known = build.lake.scan(machines.EQUIPMENT).collect()
    return build.replace(machines.EQUIPMENT, remembered(known, registered(build.sites), datetime.now(UTC)))
