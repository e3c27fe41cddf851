"""Recorded lives and running machines in the one form that the life model is fitted on and asked in. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

import polars as pl

from assets.gold import own_past
from assets.gold.life_features import REACH, features
from lake.tables.gold import REMAINING_LIFE
from quality.sentences import sentence

SEEN_DAYS = 30
"""Days looked back at least, to tell since when a signal is off its baseline."""
_STEP = ["equipment_id", "ts"]
HISTORY_COLUMNS = ["site", "equipment_id", "equipment_type", "signal", "ts", "value", "quality", "step", "date"]
"""What is read of `bronze.history`."""


def usable_signals(catalogue: pl.DataFrame, contracted: Sequence[str], recorded: Sequence[str]) -> list[str]:
    """Signals of a type that its contract lets out as they are, that its lives recorded, and that no role counts.

    Args:
        catalogue: rows of the type.
        contracted: signals of the type that leave the site.
        recorded: signals that `bronze.history` holds of the type.
    """
    counters = set(catalogue.filter(pl.col("role").is_in(["count", "good"]))["base"])
    return sorted(set(contracted) & set(recorded) - counters)


def recorded_lives(history: pl.DataFrame, catalogue: pl.DataFrame, signals: Sequence[str]) -> pl.DataFrame:
    """Features of whole lives with `left`, the cycles left at each row.

    Args:
        history: rows of `bronze.history` of one equipment type.
        catalogue: rows of the type, for units.
        signals: see `usable_signals`.
    """
    history = history.with_columns(equipment_id=sentence("{}/{}", "site", "equipment_id"))
    units = catalogue.select("base", "scale", "offset", "unit").unique("base", keep="first", maintain_order=True)
    samples = (
        history.filter(pl.col("signal").is_in(list(signals)))
        .join(units, left_on="signal", right_on="base", how="left")
        .with_columns(
            value=pl.col("value") * pl.col("scale").fill_null(1.0) + pl.col("offset").fill_null(0.0),
            age=pl.col("step").cast(pl.Float64),
            unit=pl.col("unit").fill_null("1"),
            role=pl.lit(None, dtype=pl.String),
        )
    )
    needed = own_past.commissioning(history)
    days = samples["date"].unique().to_list()
    rows = features(samples, own_past.baseline(samples, needed, days), signals)
    return rows.with_columns(left=pl.col("age").max().over("equipment_id") - pl.col("age"))


def step_length(history: pl.DataFrame) -> timedelta | None:
    """Usual time between two steps of a recorded life; None if no life has two."""
    life = ["site", "equipment_id"]
    steps = history.select(*life, "ts", "step").unique().sort(*life, "step")
    length = steps.select((pl.col("ts").shift(-1) - pl.col("ts")).over(life).median()).item()
    return length or None


def days_back(step: timedelta | None) -> int:
    """Days before a day that its features are told from: more where a cycle takes a day than where it takes an hour.

    Args:
        step: see `step_length`.
    """
    reach = REACH * step if step else timedelta()
    return min(max(SEEN_DAYS, ceil(reach / timedelta(days=1))), REMAINING_LIFE.lookback_days)


def uncounted(readings: pl.DataFrame) -> pl.DataFrame:
    """`equipment_id` of machines with readings that come before any of a signal with role count."""
    told = readings.filter(pl.col("role") == "count", pl.col("value").is_not_null())
    counts = told.group_by("equipment_id").agg(counted=pl.col("ts").min())
    begins = readings.group_by("equipment_id").agg(pl.col("ts").min()).join(counts, on="equipment_id", how="left")
    return begins.filter((pl.col("counted") > pl.col("ts")).fill_null(value=True)).select("equipment_id")


def ages(readings: pl.DataFrame, first_ts: pl.DataFrame, step: timedelta | None) -> pl.DataFrame:
    """Readings with `age` in cycles: what a signal with role count shows, else the steps since the first reading.

    Args:
        readings: `silver.readings` of one equipment type.
        first_ts: `equipment_id` and `first_ts`, the first reading ever of machines that are `uncounted`.
        step: see `step_length`.
    """
    counted = readings.filter(pl.col("role") == "count").group_by(_STEP).agg(counted=pl.col("value").max())
    since = (pl.col("ts") - pl.col("first_ts")).dt.total_microseconds() / 1e6
    steps = since / step.total_seconds() + 1 if step else pl.lit(None, dtype=pl.Float64)
    return (
        readings.join(counted, on=_STEP, how="left")
        .join(first_ts, on="equipment_id", how="left")
        .with_columns(age=pl.coalesce(pl.col("counted").forward_fill().over("equipment_id", order_by="ts"), steps))
        .drop("counted", "first_ts")
    )
