"""Bronze tables: written by the sink, so only observed; their checks run before anything is built on them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_spec
from assets.partitions import TENANT_DAYS, TENANTS
from assets.portions import portions, rows_held
from assets.resources import LakeResource, TenantResource
from assets.retrying import retried_events
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import bronze
from quality.asset_checks import as_results, check_specs
from quality.balance import FRESH_WITHIN, freshness

WATCHED = (
    bronze.READINGS,
    bronze.EVENTS,
    bronze.GAPS,
    bronze.BRIDGE_COUNTS,
    bronze.QUARANTINE,
    bronze.READMISSIONS,
    bronze.HISTORY,
)
BY_DAY = (bronze.READINGS, bronze.EVENTS, bronze.BRIDGE_COUNTS)
"""Those that every day of a bridge that sends adds to; in the others most days rightly have no row."""
ASSETS = [table_spec(spec, partitions_def=TENANT_DAYS if spec in BY_DAY else TENANTS) for spec in WATCHED]
_CHECKED = (bronze.READINGS, bronze.EVENTS, bronze.BRIDGE_COUNTS)


def _checks(spec: TableSpec) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=f"check_bronze_{spec.name}", specs=check_specs(spec))
    @retried_events
    def check(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, tenants: TenantResource
    ) -> Iterator[dg.AssetCheckResult]:
        """A bronze table of the window, as the sink left it."""
        build = Build(context, lake, tenants)
        now = datetime.now(UTC)
        others = [freshness(newest(build.lake, build.days, now), now)] if spec is bronze.READINGS else []
        outcomes = build.check_by_portions(spec, _whole_batches(build, spec), others)
        yield from as_results(spec, outcomes, build.window.whose)

    return check


def _whole_batches(build: Build, spec: TableSpec) -> Iterator[pl.DataFrame]:
    """Rows of the window; of readings, which are many, what their checks need, some batches at a time."""
    if spec is not bronze.READINGS:
        return iter([build.read(spec)])
    rows = build.scan(spec).select(*spec.keys, "date")
    return portions(rows, rows_held(build.lake, spec, build.window.first, build.window.last), by=("lane", "seq"))


def newest(lake: TenantLake, days: Sequence[date], now: datetime) -> datetime | None:
    """When a reading was received last, as far as freshness asks; None if none ever was.

    Readings of the days that are built, and of the latest day, nearly always tell that the lake is fresh; the others,
    which may be years of them, are read only where these do not.
    """
    everything = lake.scan(bronze.READINGS)
    near = everything.filter(pl.col("date").is_in([*days, *lake.days(bronze.READINGS)[-1:]]))
    found = None
    for rows in (near, everything):
        found = rows.select(pl.col("received_at").max()).collect().item()
        if found is not None and now - found <= FRESH_WITHIN:
            break
    return found


CHECKS = [_checks(spec) for spec in _CHECKED]
