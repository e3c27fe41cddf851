"""One build: the tables of one tenant over the window of a run. What every asset does around its transform."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import polars as pl

from assets.catalogue import ContractedSite, catalogue, rule_names
from assets.notices import blocked
from assets.plot import bars
from assets.resources import LakeResource, TenantResource
from assets.window import Window, require_predecessor, window
from lake.spec import TableSpec
from lake.tables.bronze import READINGS as BRONZE_READINGS
from lake.tables.ops import CHECK_RESULTS
from quality.asset_checks import as_results, asset_key, checks_table
from quality.expected import expectations
from quality.outcome import Occasion, Outcome, record
from quality.validation import validate


class Build:
    """Reads, writes and reports for an asset or a check.

    Attributes:
        window: tenant and days.
        lake: that tenant's tables.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext,
        lake: LakeResource,
        tenants: TenantResource,
    ) -> None:
        require_predecessor(context)
        self.window: Window = window(context)
        self.lake = lake.tenant(self.window.tenant)
        self._tenants = tenants
        self._run_id = context.run.run_id

    @cached_property
    def sites(self) -> list[ContractedSite]:
        """The tenant's sites with the contracts in force."""
        return [ContractedSite(one.site, one.contract) for one in self._tenants.sites(self.window.tenant)]

    @cached_property
    def catalogue(self) -> pl.DataFrame:
        """See `assets.catalogue.catalogue`."""
        return catalogue(self.sites)

    @cached_property
    def rules(self) -> pl.DataFrame:
        """See `assets.catalogue.rule_names`."""
        return rule_names(self.sites)

    @cached_property
    def watched(self) -> pl.DataFrame:
        """`site` and `equipment_id` of machines whose faults would be seen: a rule, or a signal with role fault."""
        by_rule = self.catalogue.join(self.rules, on=["site", "equipment_type"], how="semi")
        by_role = self.catalogue.filter(pl.col("role") == "fault")
        return pl.concat([by_rule, by_role]).select("site", "equipment_id").unique()

    def forwarded(self, equipment_type: str) -> list[str]:
        """Signals of a type that leave a site as they are, not only as windows."""
        promised = [signal for entry in self.sites for signal in entry.contract.signals.values()]
        return sorted({one.signal for one in promised if one.equipment_type == equipment_type and one.forward})

    @property
    def days(self) -> Sequence[date]:
        """Days to build."""
        return self.window.days

    def scan(self, spec: TableSpec, lookback_days: int = 0, version: int | None = None) -> pl.LazyFrame:
        """Rows of the window, and of `lookback_days` before it."""
        return self.lake.scan(spec, first=self.window.since(lookback_days), last=self.window.last, version=version)

    def read(self, spec: TableSpec, lookback_days: int = 0, version: int | None = None) -> pl.DataFrame:
        """The same, collected."""
        return self.scan(spec, lookback_days, version).collect()

    def built_before(self, spec: TableSpec, days: Collection[date]) -> set[date]:
        """Those of some days that an earlier run has built: its checks tell, where a day holds no row that could."""
        if not days:
            return set()
        since = min(days) - timedelta(days=1) if min(days) > date.min else date.min
        runs = (
            self.lake.scan(CHECK_RESULTS, first=since)
            .filter(pl.col("table") == spec.full_name, pl.col("run_id") != self._run_id)
            .select("day_first", "day_last")
            .unique()
            .collect()
        )
        return {day for first, last in runs.iter_rows() for day in days if first <= day <= last}

    def replace(
        self,
        spec: TableSpec,
        rows: pl.DataFrame,
        days: Sequence[date] | None = None,
        others: Sequence[Outcome] = (),
        **facts: Any,
    ) -> dg.MaterializeResult[Any]:
        """Make the window's days of a table hold these rows, check them, and report.

        Args:
            spec: the table.
            rows: at least its columns, rows of these days only.
            days: other days than the window's.
            others: outcomes of checks that are not expectations on columns.
            facts: more metadata.
        """
        table = rows.select(spec.schema.names).to_arrow()
        if "date" in spec.partition_by:
            version = self.lake.replace_days(spec, table, self.days if days is None else days)
        else:
            version = self.lake.replace_all(spec, table)
        return self.report(spec, self.check(spec, rows, others), rows, delta_version=version, **facts)

    def check(self, spec: TableSpec, rows: pl.DataFrame, others: Sequence[Outcome] = ()) -> list[Outcome]:
        """Run a table's expectations on rows and keep the results, those of other checks with them."""
        outcomes = [*validate(rows, expectations(spec)), *others]
        record(self.lake, spec.full_name, outcomes, Occasion(tuple(self.days), self._run_id, datetime.now(UTC)))
        failed = [one for one in outcomes if one.status == "failed"]
        if failed:
            self._tenants.tell(self.window.tenant, *blocked(spec.full_name, str(self.window), failed))
        return outcomes

    def report(
        self, spec: TableSpec, outcomes: Sequence[Outcome], rows: pl.DataFrame, **facts: Any
    ) -> dg.MaterializeResult[Any]:
        """What a run tells about a table."""
        optional = [column.name for column in spec.columns if column.nullable]
        nulls = (
            rows.select(pl.mean_horizontal(pl.col(optional).is_null().mean())).item()
            if optional and rows.height
            else 0.0
        )
        return dg.MaterializeResult(
            asset_key=asset_key(spec),
            check_results=as_results(spec, outcomes),
            metadata={
                "dagster/row_count": rows.height,
                "window": str(self.window),
                "bronze_version": self.bronze_version,
                "null_rate": round(float(nulls), 6),
                "checks": dg.MetadataValue.md(checks_table(outcomes)),
                "rows_by_day": dg.MetadataValue.md(bars(self._rows_by_day(rows), "rows by day")),
                **facts,
            },
        )

    @cached_property
    def bronze_version(self) -> int:
        """Version of `bronze.readings` at the start of the build; -1 if there is none."""
        version = self.lake.version(BRONZE_READINGS)
        return -1 if version is None else version

    def _rows_by_day(self, rows: pl.DataFrame) -> list[float]:
        if "date" not in rows.columns:
            return [float(rows.height)]
        counted: dict[date, int] = dict(rows.group_by("date").len().iter_rows())
        return [float(counted.get(day, 0)) for day in self.days]
