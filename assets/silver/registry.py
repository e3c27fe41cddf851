"""Which machines there are and where they stand, with what was known before. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from assets.catalogue import ContractedSite

_PLACE = {
    "enterprise": pl.String(),
    "site": pl.String(),
    "site_name": pl.String(),
    "area": pl.String(),
    "line": pl.String(),
    "equipment_id": pl.String(),
    "equipment_type": pl.String(),
    "signals": pl.Int64(),
    "timezone": pl.String(),
    "contract_version": pl.String(),
}
_KEY = ["site", "equipment_id"]
_TIME = pl.Datetime("us", "UTC")


def registered(sites: Iterable[ContractedSite]) -> pl.DataFrame:
    """One row a machine, as the sites describe it now."""
    rows = [
        (
            entry.site.tenant_name or entry.site.tenant,
            entry.site.site,
            entry.site.site_name or entry.site.site,
            unit.area,
            unit.line,
            unit.id,
            unit.type,
            len(unit.signals),
            entry.site.timezone,
            entry.contract.version,
        )
        for entry in sites
        for unit in entry.site.units()
    ]
    return pl.DataFrame(rows, schema=_PLACE, orient="row")


def remembered(known: pl.DataFrame, now: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Rows of `silver.equipment`: a machine that changed or went has its row ended, a new or changed one begins one.

    Nothing changed gives the same rows again.

    Args:
        known: the table as it stands.
        now: see `registered`.
        at: when this is looked at.
    """
    columns = list(_PLACE)
    current = known.filter(pl.col("valid_until").is_null())
    ended = current.join(now, on=columns, how="anti", nulls_equal=True)
    begun = now.join(current, on=columns, how="anti", nulls_equal=True)
    kept = known.join(ended.select(*_KEY, "valid_from"), on=[*_KEY, "valid_from"], how="anti")
    moment = pl.lit(at, dtype=_TIME)
    return pl.concat(
        [
            kept.select(*columns, "valid_from", "valid_until"),
            ended.select(*columns, "valid_from", valid_until=moment),
            begun.select(*columns, valid_from=moment, valid_until=pl.lit(None, dtype=_TIME)),
        ]
    ).sort(*_KEY, "valid_from")
