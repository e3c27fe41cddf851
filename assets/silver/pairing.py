"""Pairing the raising and the clearing of faults into episodes. Pure: frames in, frames out."""

from __future__ import annotations

import polars as pl

from quality.sentences import sentence

WARNING_FROM = 70
CRITICAL_FROM = 90
_FAULT = ["site", "equipment_id", "fault_code"]


def episodes(events: pl.DataFrame) -> pl.DataFrame:
    """Rows of `silver.fault_episodes`.

    A fault that is raised again while it stands is one episode; a clearing without a raising starts none.

    Args:
        events: all rows of `silver.events`.
    """
    rows = events.filter(pl.col("state").is_in(["raised", "cleared"])).sort(*_FAULT, "ts", "event_id")
    raised = pl.col("state") == "raised"
    opens = raised & (pl.col("state").shift(1).over(_FAULT).fill_null("cleared") == "cleared")
    numbered = rows.with_columns(number=opens.cast(pl.Int32).cum_sum().over(_FAULT)).filter(pl.col("number") > 0)
    found = numbered.group_by([*_FAULT, "number"], maintain_order=True).agg(
        pl.col("equipment_type").first(),
        pl.col("severity").filter(raised).max(),
        pl.col("message").filter(raised).first(),
        raised_at=pl.col("ts").first(),
        cleared_at=pl.col("ts").filter(~raised).first(),
    )
    return found.with_columns(
        episode_id=_identity(),
        level=level(pl.col("severity")),
        duration_s=(pl.col("cleared_at") - pl.col("raised_at")).dt.total_microseconds() / 1e6,
        date=pl.col("raised_at").dt.date(),
    ).drop("number")


def level(severity: pl.Expr) -> pl.Expr:
    """The word for a score: info, warning or critical."""
    return (
        pl.when(severity >= CRITICAL_FROM)
        .then(pl.lit("critical"))
        .when(severity >= WARNING_FROM)
        .then(pl.lit("warning"))
        .otherwise(pl.lit("info"))
    )


def changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Days on which the two sets of episodes differ, as column `date`."""
    columns = [*_FAULT, "severity", "message", "raised_at", "cleared_at", "date"]
    old, new = before.select(columns), after.select(columns)
    differing = [
        old.join(new, on=columns, how="anti", nulls_equal=True),
        new.join(old, on=columns, how="anti", nulls_equal=True),
    ]
    return pl.concat(differing).select("date").unique().sort("date")


def _identity() -> pl.Expr:
    text = sentence("{}|{}|{}|{}", *_FAULT, pl.col("raised_at").dt.epoch("us"))
    return text.map_elements(_digest, return_dtype=pl.String)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]
