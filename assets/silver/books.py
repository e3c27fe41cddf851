"""The books: the bridges' counts beside what scanning the lake finds. Pure: frames in, frame out.

Grain everywhere: site, equipment_id, signal, hour of `ts`.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from core.contracts.reading import COUNT_COLUMNS

GRAIN = ["site", "equipment_id", "signal", "hour"]
_LAKE_COLUMNS = ["bronze", "quarantined", "silver", "superseded", "rejected"]


def reading_counts(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows with `site`, `equipment_id`, `signal` and `ts`, counted by the hour as column `name`."""
    return _count(rows, name)


def event_counts(rows: pl.DataFrame, rules: pl.DataFrame, machines: pl.DataFrame, name: str) -> pl.DataFrame:
    """Events counted by the hour under `rule:<name>`, or `event:<fault_code>` if no rule of the contract sent them.

    Args:
        rows: events with `site`, `equipment_id`, `fault_code` and `ts`.
        rules: see `assets.catalogue.rule_names`.
        machines: `site`, `equipment_id` and `equipment_type` of every machine.
        name: column that holds the count.
    """
    first_rule = rules.unique(["site", "equipment_type", "fault_code"], keep="first", maintain_order=True)
    named = (
        rows.select("site", "equipment_id", "fault_code", "ts")
        .join(machines, on=["site", "equipment_id"], how="left")
        .join(first_rule, on=["site", "equipment_type", "fault_code"], how="left")
        .with_columns(signal=pl.coalesce(pl.format("rule:{}", "rule"), pl.format("event:{}", "fault_code")))
    )
    return _count(named, name)


def bridge_sums(counts: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Increments of `bronze.bridge_counts` summed; rules that share a fault code under the first one's name."""
    first = rules.with_columns(
        alias=pl.format("rule:{}", pl.col("rule").first().over("site", "equipment_type", "fault_code")),
        signal=pl.format("rule:{}", "rule"),
    ).select("site", "signal", "alias")
    aliased = counts.join(first.unique(["site", "signal"]), on=["site", "signal"], how="left")
    named = aliased.with_columns(signal=pl.coalesce("alias", "signal"))
    return named.group_by(GRAIN).agg(pl.col(list(COUNT_COLUMNS)).sum())


def books(bridge: pl.DataFrame, lake: Mapping[str, list[pl.DataFrame]]) -> pl.DataFrame:
    """Rows of `ops.books`.

    Args:
        bridge: see `bridge_sums`.
        lake: counted frames by column: `bronze`, `quarantined`, `silver`, `superseded`, `rejected`.
    """
    frames = [bridge, *(frame for name in _LAKE_COLUMNS for frame in lake.get(name, []))]
    columns = [*COUNT_COLUMNS, *_LAKE_COLUMNS]
    stacked = pl.concat([_padded(frame, columns) for frame in frames])
    summed = stacked.group_by(GRAIN).agg(pl.col(columns).sum())
    sent = pl.col("forwarded") + pl.col("windows") + pl.col("rules")
    return (
        summed.with_columns(sent=sent, date=pl.col("hour").dt.date())
        .with_columns(in_flight=pl.col("sent") - pl.col("bronze") - pl.col("quarantined"))
        .sort(GRAIN)
    )


def _count(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    hour = pl.col("ts").dt.truncate("1h").alias("hour")
    return rows.group_by("site", "equipment_id", "signal", hour).agg(pl.len().cast(pl.Int64).alias(name))


def _padded(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    absent = [pl.lit(0, dtype=pl.Int64).alias(name) for name in columns if name not in frame.columns]
    return frame.with_columns(absent).select(*GRAIN, *(pl.col(name).cast(pl.Int64) for name in columns))
