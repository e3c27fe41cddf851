"""Every time that was not as it should be, for the ledger: not read, read late, or read and not known."""

from collections.abc import Iterable

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from core.contracts.reading import LINK_DOWN
from lake.tables import bronze, ops, silver
from quality.balance import unread_time
from quality.spells import BAD_QUALITY, spells


@table_asset(ops.GAPS, [bronze.GAPS, silver.READINGS])
def gaps(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Gaps that began in the window and still stand, times without a link, and spells of bad quality.

    Grain: one gap. Source: what the bridges noticed, and the quality of silver. Consumers: the ledger, its check,
    agents.
    """
    build = Build(context, lake, tenants)
    readings = (some.lazy() for some in build.machines(silver.READINGS))
    rows = all_gaps(build.read(bronze.GAPS), readings)
    unread = rows.filter(~pl.col("reason").is_in([LINK_DOWN, BAD_QUALITY]))
    seconds = float(unread["duration_s"].sum())
    return build.replace(ops.GAPS, rows, others=[unread_time(unread)], unread_s=seconds)


def all_gaps(notices: pl.DataFrame, readings: pl.LazyFrame | Iterable[pl.LazyFrame]) -> pl.DataFrame:
    """Rows of `ops.gaps`: what was noticed and still stands, and spells of bad quality. Pure.

    Args:
        notices: rows of `bronze.gaps`.
        readings: rows of `silver.readings` of the same days; some machines at a time, if they are many.
    """
    noticed = standing_gaps(notices).with_columns(
        signal=pl.lit(None, dtype=pl.String), readings=pl.lit(None, dtype=pl.Int64)
    )
    place = pl.concat_str("reason", "site", "equipment_id", "signal", pl.col("ts").dt.epoch("us"), separator="/")
    told = [readings] if isinstance(readings, pl.LazyFrame) else readings
    bad = pl.concat([spells(some) for some in told]).with_columns(gap_id=place)
    columns = [name for name in ops.GAPS.schema.names if name != "duration_s"]
    return (
        pl.concat([noticed.select(columns), bad.select(columns)])
        .with_columns(duration_s=(pl.col("until") - pl.col("ts")).dt.total_microseconds() / 1e6)
        .select(ops.GAPS.schema.names)
        .sort("site", "equipment_id", "signal", "ts", nulls_last=False)
    )


def standing_gaps(notices: pl.DataFrame) -> pl.DataFrame:
    """Those of `bronze.gaps` that were found and never became void, each once. Pure."""
    void = notices.filter(pl.col("state") == "void")
    return (
        notices.filter(pl.col("state") == "found")
        .join(void, on="gap_id", how="anti")
        .unique("gap_id", keep="first", maintain_order=True)
    )
