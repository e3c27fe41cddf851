"""Bare Polars: key figures of sites, and failure modes by weight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from bench.tables.step import Place
from lake.tables import gold, rollups, silver

_GROUP = ["site", "equipment_type", "date"]


def site_daily(place: Place, days: Sequence[date]) -> None:
    """`gold.site_daily`."""
    value, weight, kpi = pl.col("value"), pl.col("samples"), pl.col("kpi")
    rows = (
        place.scan(gold.KPI_DAILY)
        .filter(pl.col("date").is_between(days[0], days[-1]))
        .group_by(*_GROUP, "kpi", "unit")
        .agg(
            total=value.sum(),
            weighted=(value * weight).sum() / weight.sum(),
            mean=value.mean(),
            lowest=value.min(),
            highest=value.max(),
            machines=pl.len().cast(pl.Int64),
        )
        .with_columns(
            value=pl.when(kpi.is_in(["throughput", "fault_count", "operating_time"]))
            .then("total")
            .when(kpi.is_in(["mtbf", "mttr"]))
            .then("weighted")
            .otherwise("mean")
        )
    )
    told = rows.join(_of_all_lives(place, days), on=[*_GROUP, "kpi"], how="left").with_columns(
        value=pl.coalesce("mean_time", "value"), machines=pl.coalesce("watched", "machines")
    )
    place.write(rollups.SITE_DAILY, told.sort(*_GROUP, "kpi").collect())


def _of_all_lives(place: Place, days: Sequence[date]) -> pl.LazyFrame:
    """Time over episodes of every machine up to each day: what each day adds, added up."""
    machine = ["site", "equipment_id"]
    lives = place.scan(gold.KPI_DAILY).filter(pl.col("date") <= days[-1])
    found: list[pl.LazyFrame] = []
    for source, kpi, time in (
        ("operating_time", "mtbf", pl.col("value")),
        ("mttr", "mttr", pl.col("value") * pl.col("samples")),
    ):
        sums = ["time", "samples", "machines"]
        found.append(
            lives.filter(pl.col("kpi") == source)
            .sort(*machine, "date")
            .select(
                *_GROUP,
                time=time - time.shift(1).over(machine).fill_null(0),
                samples=pl.col("samples") - pl.col("samples").shift(1).over(machine).fill_null(0),
                machines=(pl.col("date") == pl.col("date").min().over(machine)).cast(pl.Int64),
            )
            .group_by(_GROUP)
            .agg(pl.col(sums).sum())
            .sort("date")
            .with_columns(pl.col(sums).cum_sum().over(_GROUP[:2]))
            .filter(pl.col("samples") > 0)
            .select(*_GROUP, kpi=pl.lit(kpi), mean_time=pl.col("time") / pl.col("samples"), watched="machines")
        )
    return pl.concat(found)


def fault_pareto(place: Place, days: Sequence[date]) -> None:
    """`gold.fault_pareto`."""
    first, last = days[0], days[-1]
    back = pl.lit(timedelta(days=rollups.PARETO_DAYS - 1))
    until = (pl.col("cleared_at").dt.date() + back).fill_null(last)
    begin = (pl.col("date") - back).cast(pl.Datetime("us", "UTC"))
    midnight = (pl.col("date") + pl.duration(days=1)).cast(pl.Datetime("us", "UTC"))
    stood = pl.min_horizontal("cleared_at", midnight) - pl.max_horizontal("raised_at", begin)
    hours, episodes = pl.col("hours"), pl.col("episodes")
    seen = pl.date_ranges(pl.col("date").clip(lower_bound=first), until.clip(upper_bound=last))
    rows = (
        place.scan(silver.FAULT_EPISODES)
        .filter(pl.col("date") <= last, until >= first)
        .select(
            "site", "equipment_type", "equipment_id", "fault_code", "severity", "raised_at", "cleared_at", date=seen
        )
        .explode("date", empty_as_null=False)
        .group_by(*_GROUP, "fault_code")
        .agg(
            pl.col("severity").max(),
            machines=pl.col("equipment_id").n_unique().cast(pl.Int64),
            episodes=pl.len().cast(pl.Int64),
            hours=stood.dt.total_microseconds().sum() / 3.6e9,
        )
        .sort(*_GROUP, "hours", "episodes", "fault_code", descending=[False] * 3 + [True, True, False])
        .with_columns(
            rank=pl.int_range(1, pl.len() + 1).over(_GROUP),
            episode_share=episodes / episodes.sum().over(_GROUP),
            share=hours / hours.sum().over(_GROUP),
            cumulative=hours.cum_sum().over(_GROUP) / hours.sum().over(_GROUP),
        )
    )
    place.write(rollups.FAULT_PARETO, rows.collect())
