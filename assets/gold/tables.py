"""Gold's assets but for remaining life: key figures, baselines, deviations, health."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.gold import own_past
from assets.gold.kpi_daily import kpi_daily
from assets.gold.kpi_hourly import RUNS, contradicted, kpi_hourly
from assets.portions import MACHINE, of_machines, whole_machines
from assets.resources import LakeResource, TenantResource
from assets.silver.judge import is_good
from assets.window import Window
from lake.tables import bronze, gold, silver
from quality.counters import COUNTING_BY_HOUR, COUNTS, counting, counting_outcomes
from quality.findings import Findings

_COUNTING = COUNTS & is_good()


@table_asset(gold.KPI_DAILY, [silver.SIGNAL_HOURLY, silver.READINGS, silver.FAULT_EPISODES])
def kpis(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Contracted key figures, from roles.

    Grain: machine, KPI, day. Source: silver since the first day, for what accumulates. Consumers: publication, agents.
    """
    build = Build(context, lake, tenants)
    hourly = build.read(silver.SIGNAL_HOURLY, gold.EVER)
    counters = build.scan(silver.READINGS, lookback_days=1).filter(_COUNTING).collect()
    raised = build.read(silver.FAULT_EPISODES, gold.EVER)
    rows = kpi_daily(hourly, counters, raised, build.watched, build.days)
    return build.replace(gold.KPI_DAILY, rows, others=counting_outcomes(counting(counters, hourly, build.days)))


@table_asset(gold.KPI_HOURLY, [silver.SIGNAL_HOURLY, silver.READINGS, silver.FAULT_EPISODES])
def kpis_by_hour(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Contracted key figures by the hour, from roles.

    Grain: machine, KPI, hour. Source: silver of the last 30 days, all episodes. Consumers: engineers, agents.
    """
    build = Build(context, lake, tenants)
    spec = gold.KPI_HOURLY
    raised = build.lake.scan(silver.FAULT_EPISODES).collect()
    # A fault may stand for months, so a late word of it changes days that nothing else touched.
    stored = build.lake.scan(spec, first=build.window.first).filter(~pl.col("date").is_in(list(build.days)))
    others = contradicted(stored.collect(), raised)
    rows, found = _of_hours(build, build.days, raised)
    days = sorted({*build.days, *others})
    corrected = [_of_hours(build, others, raised)[0]] if others else []
    checked = counting_outcomes(found, COUNTING_BY_HOUR)
    return build.replace(spec, pl.concat([rows, *corrected]), days, others=checked, days_corrected=len(others))


def _of_hours(build: Build, days: Sequence[date], raised: pl.DataFrame) -> tuple[pl.DataFrame, Findings]:
    """Rows of `gold.kpi_hourly` of some days, and what is wrong with their counters."""
    over = Window(build.window.tenant, tuple(days))
    since = over.since(gold.KPI_HOURLY.lookback_days)
    hourly = build.over(silver.SIGNAL_HOURLY, since, over.last)
    counters = build.over(silver.READINGS, over.since(1), over.last).filter(_COUNTING)
    told = hourly.filter((pl.col("date") >= over.first) | RUNS | COUNTS).collect()
    counted = counters.collect()
    rows = kpi_hourly(told.filter((pl.col("date") >= over.first) | RUNS), counted, raised, build.watched, days)
    return rows, counting(counted, told, days)


@table_asset(gold.BASELINE, [silver.READINGS, bronze.HISTORY])
def baseline(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """What was normal while a machine was commissioned; frozen on the day it is complete.

    Grain: machine, signal. Source: silver readings from the first day. Consumers: deviation, remaining life, agents.
    """
    build = Build(context, lake, tenants)
    frozen = build.lake.scan(gold.BASELINE).collect()
    kept = frozen.filter(pl.col("date").is_in(build.days))
    unfinished = _unfinished(build, build.over(gold.BASELINE).collect())
    if unfinished is not None and unfinished.is_empty():
        return build.replace(gold.BASELINE, kept)
    steps = build.lake.scan(bronze.HISTORY).select("site", "equipment_type", "equipment_id", "step").collect()
    new = _commissioned(build, unfinished, own_past.commissioning(steps))
    return build.replace(gold.BASELINE, pl.concat([kept, new.select(kept.columns)]))


def _unfinished(build: Build, frozen: pl.DataFrame) -> pl.DataFrame | None:
    """Signals heard in the window that have no baseline yet; None if none has one."""
    if frozen.is_empty():
        return None
    heard = build.scan(silver.READINGS).filter(own_past.is_measured()).select(own_past.SIGNAL).unique()
    return heard.collect(engine="streaming").join(frozen, on=own_past.SIGNAL, how="anti")


def _commissioned(build: Build, signals: pl.DataFrame | None, needed: pl.DataFrame) -> pl.DataFrame:
    """Baselines that the window completes: days are counted first, and samples read up to the one that is the last."""
    measured = build.scan(silver.READINGS, gold.EVER).filter(own_past.is_measured())
    of_signals = measured
    if signals is not None:
        machines = of_machines(measured, signals.select(MACHINE).unique())
        of_signals = machines.join(signals.lazy(), on=own_past.SIGNAL, how="semi")
    counts = of_signals.group_by(*own_past.SIGNAL, "date").agg(
        samples=pl.len().cast(pl.Int64), first=pl.col("ts").min(), last=pl.col("ts").max()
    )
    counted = counts.collect(engine="streaming")
    due = own_past.completed(counted, needed, build.days)
    if due.is_empty():
        return own_past.baseline(measured.clear(), needed, build.days)
    rows = of_signals.filter(pl.col("date") <= due["until"].max()).join(due.lazy(), on=own_past.SIGNAL, how="semi")
    held = (
        counted.join(due, on=own_past.SIGNAL)
        .filter(pl.col("date") <= pl.col("until").max())
        .select(pl.col("samples").sum())
        .item()
    )
    return pl.concat([own_past.baseline(some, needed, build.days) for some in whole_machines(rows, held)])


@table_asset(gold.DEVIATION_DAILY, [silver.SIGNAL_HOURLY, gold.BASELINE])
def deviation_daily(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """How far each signal is from its machine's own baseline.

    Grain: machine, signal, day. Source: hourly figures and baselines complete by then. Consumers: health, agents.
    """
    build = Build(context, lake, tenants)
    rows = own_past.deviation_daily(build.scan(silver.SIGNAL_HOURLY), build.read(gold.BASELINE, gold.EVER))
    return build.replace(gold.DEVIATION_DAILY, rows)


@table_asset(gold.HEALTH_DAILY, [gold.DEVIATION_DAILY])
def health_daily(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """How unlike itself each machine was, and which signal says so.

    Grain: machine, day. Source: deviations of the day. Consumers: publication, agents.
    """
    build = Build(context, lake, tenants)
    return build.replace(gold.HEALTH_DAILY, own_past.health_daily(build.read(gold.DEVIATION_DAILY)))
