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
_TOLD_BY = {"operating_time": "mtbf", "mttr": "mttr"}
"""What tells the time and the episodes behind a mean over machines' lives."""
_RESTORED = pl.col("value") * pl.col("samples")
_LIFE = ["site", "equipment_id", "kpi"]


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


def site_daily(kpis: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """Rows of `gold.site_daily` for `days`.

    Args:
        kpis: rows of `gold.kpi_daily` of the days, and from the first day on of what runs over machines' lives.
        days: the days to compute.
    """
    value, weight, wanted = pl.col("value"), pl.col("samples"), pl.col("date").is_in(list(days))
    how = (
        pl.when(pl.col("kpi").first().is_in(_SUMMED))
        .then(value.sum())
        .when(pl.col("kpi").first().is_in(_BY_EPISODE))
        .then((value * weight).sum() / weight.sum())
        .otherwise(value.mean())
    )
    told = (
        kpis.filter(wanted)
        .group_by(*_GROUP, "kpi", "unit")
        .agg(value=how, lowest=value.min(), highest=value.max(), machines=pl.len().cast(pl.Int64))
    )
    return with_all_lives(told, kpis, _GROUP).sort(*_GROUP, "kpi")


def with_all_lives(told: pl.DataFrame, kpis: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Figures of several machines, those that run over their lives told of every machine that there ever was.

    Most of a fleet's time is that of machines that have not failed, which have no mean time between failures of their
    own; and what has ended, or is not heard on a day, has operated and failed all the same.

    Args:
        told: `by`, `kpi`, `value` and `machines`.
        kpis: rows of `gold.kpi_daily` from the first day on; those of what runs over machines' lives are looked at.
        by: what tells the groups, `date` the last of it.
    """
    *group, _ = by
    gained = [pl.col(name) - pl.col(name).shift(1).over(_LIFE).fill_null(0) for name in ("time", "episodes")]
    totals = (
        kpis.with_columns(episodes=pl.col("samples"), time=pl.when(_OPERATED).then("value").otherwise(_RESTORED))
        .filter(pl.col("kpi").is_in(list(_TOLD_BY)))
        .with_columns(pl.col("kpi").replace_strict(_TOLD_BY))
        .sort(*_LIFE, "date")
        .with_columns(*gained, new=pl.col("date") == pl.col("date").min().over(_LIFE))
        .group_by([*by, "kpi"])
        .agg(pl.col("time", "episodes", "new").sum())
        .sort("date")
        .with_columns(pl.col("time", "episodes", "new").cum_sum().over([*group, "kpi"]))
        .filter(pl.col("episodes") > 0)
        .select(*by, "kpi", pooled=pl.col("time") / pl.col("episodes"), all=pl.col("new").cast(pl.Int64))
    )
    return (
        told.join(totals, on=[*by, "kpi"], how="left")
        .with_columns(value=pl.coalesce("pooled", "value"), machines=pl.coalesce("all", "machines"))
        .drop("pooled", "all")
    )
