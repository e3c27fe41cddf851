"""From each tenant's own figures to what is usual among tenants. Pure: frames in, frames out.

Every tenant gives a part (`kpi_part`, `fault_part`): a row for each group it has something in, without a name in it.
Parts become aggregates; a group that too few tenants are in is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.gold.rollups import with_all_lives
from lake.tables.gold import LIFELONG_KPIS

_KPI = ["equipment_type", "kpi", "unit", "date"]
_FAULT = ["equipment_type", "fault_code"]
_MACHINE = ["site", "equipment_id"]


def kpi_part(kpis: pl.LazyFrame) -> pl.DataFrame:
    """One tenant's figures by type, KPI and day: the mean over its machines, and how many those are.

    Args:
        kpis: the tenant's `gold.kpi_daily`.
    """
    means = kpis.group_by(_KPI).agg(
        value=pl.col("value").mean(), machines=pl.struct(_MACHINE).n_unique().cast(pl.Int64)
    )
    lives = kpis.filter(pl.col("kpi").is_in(LIFELONG_KPIS))
    return with_all_lives(means.collect(), lives.collect(), ["equipment_type", "date"])


def fault_part(episodes: pl.LazyFrame) -> pl.DataFrame:
    """One tenant's faults by type and code: share of all episodes of the type, mean hours, machines.

    Args:
        episodes: the tenant's `silver.fault_episodes`.
    """
    counted = episodes.group_by(_FAULT).agg(
        episodes=pl.len().cast(pl.Float64),
        hours=pl.col("duration_s").mean() / 3600,
        machines=pl.struct(_MACHINE).n_unique().cast(pl.Int64),
    )
    share = pl.col("episodes") / pl.col("episodes").sum().over("equipment_type")
    return counted.with_columns(share=share).drop("episodes").collect()


def kpis_over(parts: Sequence[pl.DataFrame], least: int) -> pl.DataFrame:
    """Rows of `gold.fleet_kpi_daily`.

    Args:
        parts: see `kpi_part`, one a tenant.
        least: tenants that a row must rest upon.
    """
    figures = [pl.col("value").mean().alias("mean"), pl.col("value").std().alias("spread")]
    return _over(parts, _KPI, figures, least)


def faults_over(parts: Sequence[pl.DataFrame], least: int) -> pl.DataFrame:
    """Rows of `gold.fleet_faults`; the time to clear is left out where too few tenants know one.

    Args:
        parts: see `fault_part`, one a tenant.
        least: tenants that a row must rest upon.
    """
    known = pl.col("hours").count() >= least
    return _over(parts, _FAULT, [pl.col("share").mean(), pl.when(known).then(pl.col("hours").mean())], least)


def _over(parts: Sequence[pl.DataFrame], by: list[str], figures: Sequence[pl.Expr], least: int) -> pl.DataFrame:
    """A tenant has one row in a group, so rows are tenants."""
    counted = [pl.len().cast(pl.Int64).alias("tenants"), pl.col("machines").sum()]
    # Sorted by value, so that not even the last digit of a sum tells the order in which tenants came.
    rows = pl.concat(parts).sort(pl.all())
    return rows.group_by(by, maintain_order=True).agg(*counted, *figures).filter(pl.col("tenants") >= least).sort(by)
