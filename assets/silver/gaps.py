"""Source time that nobody read, for the ledger."""

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_asset
from assets.resources import LakeResource, TenantResource
from lake.tables import bronze, ops
from quality.balance import unread_time


@table_asset(ops.GAPS, [bronze.GAPS])
def gaps(context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource) -> dg.MaterializeResult:  # pyright: ignore[reportMissingTypeArgument]  Dagster refuses the parameter here
    """Gaps that began in the window and still stand.

    Grain: one gap. Source: what the bridges noticed. Consumers: the ledger, its check, agents.
    """
    build = Build(context, lake, tenants)
    standing = standing_gaps(build.read(bronze.GAPS))
    unread = unread_time(standing.height, float(standing["duration_s"].sum()))
    return build.replace(ops.GAPS, standing, others=[unread], unread_s=float(standing["duration_s"].sum()))


def standing_gaps(notices: pl.DataFrame) -> pl.DataFrame:
    """Rows of `ops.gaps`: gaps that were found and never became void, each once. Pure."""
    void = notices.filter(pl.col("state") == "void")
    return (
        notices.filter(pl.col("state") == "found")
        .join(void, on="gap_id", how="anti")
        .unique("gap_id", keep="first", maintain_order=True)
        .with_columns(duration_s=(pl.col("until") - pl.col("ts")).dt.total_microseconds() / 1e6)
        .select(ops.GAPS.schema.names)
        .sort("site", "equipment_id", "ts")
    )
