"""Spells of bad quality: source time in which a signal was read and its device said that it did not know. Pure."""

from __future__ import annotations

import polars as pl

from core.contracts.quality import BAD

REASON = "bad_quality"
_SERIES = ["site", "equipment_id", "signal"]


def spells(readings: pl.LazyFrame) -> pl.DataFrame:
    """Each run of bad readings of a signal, from its first to the next that is not bad.

    Args:
        readings: has `site`, `equipment_id`, `signal`, `ts` and `quality`; any order.

    Returns:
        One row a spell: the series, `ts`, `until` (null while it lasts), `readings` that were bad, `reason`.
    """
    told = readings.select(*_SERIES, "ts", bad=(pl.col("quality") & BAD) != 0)
    # Most signals never were: only the others are sorted.
    ever = told.filter("bad").select(_SERIES).unique()
    rows = told.join(ever, on=_SERIES, how="semi").sort(*_SERIES, "ts").collect()
    runs = rows.with_columns(run=pl.col("bad").rle_id().over(_SERIES), after=pl.col("ts").shift(-1).over(_SERIES))
    last = pl.col("after").last().alias("until")
    return (
        runs.filter("bad")
        .group_by(*_SERIES, "run", maintain_order=True)
        .agg(pl.col("ts").first(), last, pl.len().cast(pl.Int64).alias("readings"))
        .with_columns(reason=pl.lit(REASON))
        .select(*_SERIES, "ts", "until", "readings", "reason")
    )
