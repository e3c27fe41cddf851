"""The books: the bridges' counts beside what scanning the lake finds. Pure: frames in, frame out.

Grain everywhere: site, equipment_id, signal, hour of `ts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from assets.partitions import FIRST_DAY
from core.contracts.lanes import LaneKind
from core.contracts.reading import COUNT_COLUMNS
from quality.sentences import sentence

GRAIN = ["site", "equipment_id", "signal", "hour"]
_OTHER_RULES = "rule:*"
_ORIGIN = ["lane", "seq", "row_no"]
_LAKE_COLUMNS = ["bronze", "doubled", "quarantined", "silver", "superseded", "rejected"]


def reading_counts(rows: pl.DataFrame | pl.LazyFrame, name: str) -> pl.DataFrame:
    """Rows with `site`, `equipment_id`, `signal` and `ts`, counted by the hour as column `name`."""
    return _count(rows, name)


def event_counts(rows: pl.DataFrame, rules: pl.DataFrame, machines: pl.DataFrame, name: str) -> pl.DataFrame:
    """Events counted by the hour under `rule:<name>`, or `rule:*` if no rule of the contract in force sent them.

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
        .with_columns(signal=pl.coalesce(sentence("rule:{}", "rule"), pl.lit(_OTHER_RULES)))
    )
    return _count(named, name)


def booked_on(day: pl.Expr, last: date) -> pl.Expr:
    """The day on which the books count a day of source time: the first one for times that have no day of their own.

    Args:
        day: UTC day of a source time.
        last: the last day there is.
    """
    return pl.when(day.is_between(FIRST_DAY, last)).then(day).otherwise(pl.lit(FIRST_DAY))


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of bronze that are there already: all but one of those with the same place in the same batch."""
    return rows.filter(~pl.struct(_ORIGIN).is_first_distinct())


def doubled_readings(kept: pl.DataFrame, superseded: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The same of readings that were judged: of two that are one, one at least was superseded, or both rejected."""
    line = [*GRAIN[:3], "ts", *_ORIGIN]
    judged = superseded.select(line)
    twins = kept.select(line).join(judged.select(_ORIGIN).unique(), on=_ORIGIN, how="semi") if len(judged) else judged
    return pl.concat([doubled(pl.concat([judged, twins])), doubled(rejected.select(line))])


def still_apart(quarantine: pl.DataFrame, readmitted: pl.DataFrame) -> pl.DataFrame:
    """Rows of `bronze.quarantine` that were not let in later; `ts` of an unreadable batch is when it was received."""
    return quarantine.join(readmitted.select(_ORIGIN), on=_ORIGIN, how="anti", nulls_equal=True).with_columns(
        ts=pl.coalesce("ts", "received_at"), kind=pl.col("lane").str.extract(r"/(\w+)-(?:live|backlog)$")
    )


def on_their_header(apart: pl.DataFrame) -> pl.DataFrame:
    """What is rejected and what no bridge's books speak of: unreadable batches by lane, and notices of gaps.

    What their headers say they carry counts as sent.

    Args:
        apart: see `still_apart`; readable readings and events are passed over.

    Returns:
        The columns of a bridge's books that are not zero, and `quarantined`.
    """
    unread = pl.col("row_no").is_null()
    forwarded = unread & (pl.col("kind").fill_null(LaneKind.READINGS.value) == LaneKind.READINGS.value)
    named = apart.filter((unread & (pl.col("rows") > 0)) | (pl.col("kind") == LaneKind.STATUS.value)).with_columns(
        site=pl.coalesce("site", pl.lit("*")),
        equipment_id=pl.coalesce("equipment_id", pl.lit("*")),
        signal=pl.when(unread).then(sentence("lane:{}", "lane")).otherwise(sentence("gap:{}", "signal")),
        hour=pl.col("ts").dt.truncate("1h"),
        forwarded=pl.when(forwarded).then("rows").otherwise(0),
        rules=pl.when(forwarded).then(0).otherwise("rows"),
    )
    return named.group_by(GRAIN).agg(
        pl.col("forwarded", "rules").sum(),
        read=pl.col("forwarded").sum(),
        contracted=pl.col("forwarded").sum(),
        quarantined=pl.col("rows").sum(),
    )


def bridge_sums(counts: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Increments of `bronze.bridge_counts` summed; rules that share a fault code under the first one's name.

    Rules that the contract in force does not name are one line: their events tell a fault code, no rule.
    """
    first = rules.with_columns(
        alias=sentence("rule:{}", pl.col("rule").first().over("site", "equipment_type", "fault_code")),
        signal=sentence("rule:{}", "rule"),
    ).select("site", "signal", "alias")
    aliased = counts.join(first.unique(["site", "signal"]), on=["site", "signal"], how="left")
    unknown = pl.col("alias").is_null() & pl.col("signal").str.starts_with("rule:")
    named = aliased.with_columns(
        signal=pl.when(unknown).then(pl.lit(_OTHER_RULES)).otherwise(pl.coalesce("alias", "signal"))
    )
    return named.group_by(GRAIN).agg(pl.col(list(COUNT_COLUMNS)).sum())


def books(bridge: list[pl.DataFrame], lake: Mapping[str, list[pl.DataFrame]], last: date) -> pl.DataFrame:
    """Rows of `ops.books`, as if all that has not arrived were on its way: see `lost.told_apart`.

    Args:
        bridge: see `bridge_sums` and `on_their_header`.
        lake: counted frames by column: `bronze`, `doubled`, `quarantined`, `silver`, `superseded`, `rejected`.
        last: the last day there is.
    """
    frames = [*bridge, *(frame for name in _LAKE_COLUMNS for frame in lake.get(name, []))]
    columns = [*COUNT_COLUMNS, *_LAKE_COLUMNS]
    stacked = pl.concat([_padded(frame, columns) for frame in frames])
    summed = stacked.group_by(GRAIN).agg(pl.col(columns).sum())
    sent = pl.col("forwarded") + pl.col("windows") + pl.col("rules")
    return (
        summed.with_columns(sent=sent, date=booked_on(pl.col("hour").dt.date(), last))
        .with_columns(
            in_flight=pl.col("sent") - pl.col("bronze") + pl.col("doubled") - pl.col("quarantined"),
            lost=pl.lit(0, dtype=pl.Int64),
        )
        .sort(GRAIN)
    )


def _count(rows: pl.DataFrame | pl.LazyFrame, name: str) -> pl.DataFrame:
    hour = pl.col("ts").dt.truncate("1h").alias("hour")
    counted = rows.lazy().group_by("site", "equipment_id", "signal", hour).agg(pl.len().cast(pl.Int64).alias(name))
    return counted.collect(engine="streaming")


def _padded(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    absent = [pl.lit(0, dtype=pl.Int64).alias(name) for name in columns if name not in frame.columns]
    return frame.with_columns(absent).select(*GRAIN, *(pl.col(name).cast(pl.Int64) for name in columns))
