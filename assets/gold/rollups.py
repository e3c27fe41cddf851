"""Figures over several machines: failure modes by weight, and sites. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from lake.tables.rollups import PARETO_DAYS

_GROUP = ["site", "equipment_type", "date"]
_OPERATED = pl.col("kpi") == "operating_time"
_SUMMED = ["throughput", "fault_count", "operating_time"]
_BY_EPISODE = ["mtbf", "mttr"]


def fault_pareto(episodes: pl.DataFrame | pl.LazyFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `gold.fault_pareto` for `days`.

    Args:
        episodes: `silver.fault_episodes` raised by the last of the days.
        days: the days to compute.
    """
    back = pl.lit(timedelta(days=PARETO_DAYS - 1))
    last = pl.coalesce(pl.col("cleared_at").dt.date() + back, pl.lit(max(days)))
    due = pl.date_ranges(pl.col("date").clip(lower_bound=min(days)), last.clip(upper_bound=max(days)))
    seen = (
        episodes.lazy()
        .filter(pl.col("date") <= max(days), last >= min(days))
        .select("site", "equipment_type", "equipment_id", "fault_code", "severity", "raised_at", "cleared_at", date=due)
        .explode("date")
        .filter(pl.col("date").is_in(list(days)))
    )
    midnight = (pl.col("date") + pl.duration(days=1)).cast(pl.Datetime("us", "UTC"))
    first = (pl.col("date") - back).cast(pl.Datetime("us", "UTC"))
    stood = pl.min_horizontal(pl.coalesce("cleared_at", midnight), midnight) - pl.max_horizontal("raised_at", first)
    modes = seen.group_by([*_GROUP, "fault_code"]).agg(
        pl.col("severity").max(),
        machines=pl.col("equipment_id").n_unique().cast(pl.Int64),
        episodes=pl.len().cast(pl.Int64),
        hours=stood.dt.total_microseconds().sum() / 3.6e9,
    )
    ordered = modes.sort(*_GROUP, "hours", "episodes", "fault_code", descending=[False] * 3 + [True, True, False])
    time, count = pl.col("hours"), pl.col("episodes")
    ranked = ordered.with_columns(
        rank=pl.int_range(1, pl.len() + 1).over(_GROUP),
        episode_share=count / count.sum().over(_GROUP),
        share=_share(time, time.sum().over(_GROUP)),
        cumulative=_share(time.cum_sum().over(_GROUP), time.sum().over(_GROUP)),
    )
    return ranked.collect()


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Nothing of nothing: faults that cleared as they were raised."""
    return pl.when(whole > 0).then(part / whole).otherwise(0.0)


def site_daily(kpis: pl.DataFrame) -> pl.DataFrame:
    """Rows of `gold.site_daily`.

    Args:
        kpis: rows of `gold.kpi_daily` of the days to compute.
    """
    value, weight = pl.col("value"), pl.col("samples")
    how = (
        pl.when(pl.col("kpi").first().is_in(_SUMMED))
        .then(value.sum())
        .when(pl.col("kpi").first().is_in(_BY_EPISODE))
        .then((value * weight).sum() / weight.sum())
        .otherwise(value.mean())
    )
    told = kpis.group_by("site", "equipment_type", "kpi", "unit", "date").agg(
        value=how, lowest=value.min(), highest=value.max(), machines=pl.len().cast(pl.Int64)
    )
    return with_survivors(told, kpis, _GROUP).sort(*_GROUP, "kpi")


def with_survivors(told: pl.DataFrame, kpis: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Figures of several machines, their mean time between failures over all of them: most of a fleet's time is that of
    machines that have not failed, which have no figure of their own.

    Args:
        told: `by`, `kpi`, `value` and `machines`.
        kpis: rows of `gold.kpi_daily` behind them.
        by: what tells the groups.
    """
    failures = pl.col("samples").sum()
    operated = (
        kpis.filter(_OPERATED)
        .group_by(by)
        .agg(kpi=pl.lit("mtbf"), pooled=pl.col("value").sum() / failures, all=pl.len().cast(pl.Int64), of=failures)
        .filter(pl.col("of") > 0)
    )
    return (
        told.join(operated, on=[*by, "kpi"], how="left")
        .with_columns(value=pl.coalesce("pooled", "value"), machines=pl.coalesce("all", "machines"))
        .drop("pooled", "all", "of")
    )
