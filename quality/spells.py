"""Spells of bad quality: source time in which a signal was read and its device said that it did not know. Pure."""

from __future__ import annotations

import polars as pl

from core.contracts.quality import BAD

BAD_QUALITY = "bad_quality"
_SERIES_DAY = ["site", "equipment_id", "signal", "date"]


def spells(readings: pl.LazyFrame) -> pl.DataFrame:
    """Each run of bad readings of a signal on a day, from its first to the next that is not bad.

    Days are told apart, so that each can be built alone: a run that lasts over midnight is one of each day.

    Args:
        readings: has `site`, `equipment_id`, `signal`, `ts`, `quality` and `date`; any order.

    Returns:
        One row a spell: the series, `ts`, `until` (the last bad reading where none follows on the day), `readings`
        that were bad, `reason`, `date`.
    """
    told = readings.select(*_SERIES_DAY, "ts", bad=(pl.col("quality") & BAD) != 0)
    # Most signals never were: only the others are sorted.
    ever = told.filter("bad").select(_SERIES_DAY).unique()
    rows = told.join(ever, on=_SERIES_DAY, how="semi").sort(*_SERIES_DAY, "ts").collect()
    runs = rows.with_columns(
        run=pl.col("bad").rle_id().over(_SERIES_DAY), after=pl.col("ts").shift(-1).over(_SERIES_DAY)
    )
    return (
        runs.filter("bad")
        .group_by(*_SERIES_DAY, "run", maintain_order=True)
        .agg(pl.col("ts").first(), pl.coalesce("after", "ts").last().alias("until"), readings=pl.len().cast(pl.Int64))
        .select(
            "site", "equipment_id", "signal", "ts", "until", "readings", pl.lit(BAD_QUALITY).alias("reason"), "date"
        )
    )
