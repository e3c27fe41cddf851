"""Healthy envelopes by operating condition, and days held against them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset, table_spec
from assets.gold import against_envelope, commissioned, own_past
from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.resources import LakeResource, TenantResource
from lake.tables import bronze, envelopes, gold, silver
from quality.asset_checks import check_specs

_READ = (silver.SIGNAL_HOURLY, envelopes.ENVELOPE)
_WRITTEN = (envelopes.ENVELOPE_SIGNAL_DAILY, envelopes.ENVELOPE_DAILY)


@table_asset(envelopes.ENVELOPE, [silver.SIGNAL_HOURLY, bronze.HISTORY])
def envelope(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """What was normal under each condition while a machine was commissioned; frozen on the day it is complete.

    Grain: machine, condition, signal. Source: hourly figures from the first day. Consumers: envelope_daily, agents.
    """
    build = Build(context, lake, tenants)
    frozen = build.lake.scan(envelopes.ENVELOPE).collect()
    present = build.scan(silver.SIGNAL_HOURLY).select(own_past.MACHINE).unique().collect()
    unfinished = present.join(frozen, on=own_past.MACHINE, how="anti")
    kept = frozen.filter(pl.col("date").is_in(build.days))
    if unfinished.is_empty():
        return build.replace(envelopes.ENVELOPE, kept)
    hourly = build.scan(silver.SIGNAL_HOURLY, gold.EVER).join(unfinished.lazy(), on=own_past.MACHINE, how="semi")
    steps = build.lake.scan(bronze.HISTORY).select("site", "equipment_type", "equipment_id", "step").collect()
    needed: dict[str, int] = dict(own_past.commissioning(steps).iter_rows())
    new = commissioned.envelopes(hourly.select(commissioned.HOURLY_COLUMNS).collect(), needed).filter(
        pl.col("date").is_in(build.days)
    )
    return build.replace(envelopes.ENVELOPE, pl.concat([kept, new]))


@dg.multi_asset(
    specs=[table_spec(spec, _READ) for spec in _WRITTEN],
    check_specs=[check for spec in _WRITTEN for check in check_specs(spec)],
    partitions_def=TENANT_DAYS,
    backfill_policy=WHOLE_RANGE,
)
def envelope_daily(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """How far each machine and signal was from its own envelope, each hour under its own condition, and since when.

    Grain: see each table. Source: hourly figures of the day, envelopes complete before. Consumers: agents, charts.
    """
    build = Build(context, lake, tenants)
    known = build.scan(envelopes.ENVELOPE, gold.EVER).collect()
    hourly = build.scan(silver.SIGNAL_HOURLY).select(commissioned.HOURLY_COLUMNS).collect()
    machines, signals = against_envelope.judged(hourly, known, build.days)
    yield build.replace(envelopes.ENVELOPE_SIGNAL_DAILY, against_envelope.signal_days(signals))
    yield build.replace(envelopes.ENVELOPE_DAILY, against_envelope.machine_days(machines, signals))
