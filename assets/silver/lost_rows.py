"""Rows that are lost, as the lake shows it: asked only about the lanes of what has not arrived."""

from __future__ import annotations

import polars as pl

from assets.silver import lost
from assets.silver.books import GRAIN
from lake.store import TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, QUARANTINE, READINGS

_HELD = ["lane", "seq", "row_no", "rows", "site", "equipment_id", "signal", "ts"]


def lost_rows(lake: TenantLake, lines: pl.DataFrame, counts: pl.DataFrame, version: int | None) -> pl.DataFrame:
    """Rows lost by line, as `lost`.

    Args:
        lake: the tenant's tables.
        lines: of the books, with all that has not arrived in `in_flight`.
        counts: the bridges' increments on these lines.
        version: at which readings of bronze were counted; what came later is none of its lanes' past.
    """
    sent = lost.unarrived(lines, counts)
    if sent.is_empty() or version is None:
        return sent.clear().select(*GRAIN, lost="sent")
    bases = sent["base"].unique().to_list()
    numbered = lost.numbered(bases)
    # Quarantine gets rows together with their number, so that what it is said to have is there when they are read.
    progress = lost.progress(
        bases,
        lake.transaction_versions(READINGS, numbered, version),
        lake.transaction_versions(QUARANTINE, numbered),
    )
    ours = pl.col("lane").is_in(lost.with_refused(bases)) & (pl.col("seq") >= sent["seq"].min())
    counted = lake.scan(BRIDGE_COUNTS).filter(ours).select("lane", "seq").unique().collect()
    held = lost.of_lanes(lake.scan(QUARANTINE).filter(ours).select(_HELD).collect())
    done = lost.settled(sent, lost.of_lanes(counted), progress, held)
    if done.is_empty():
        return done.select(*GRAIN, lost="sent")
    days = done["hour"].dt.date().unique().to_list()
    rows = lake.scan(READINGS, version=version).filter(pl.col("date").is_in(days))
    return lost.missing(done, rows, held)
