"""One build: the tables of one tenant over the window of a run. What every asset does around its transform."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import polars as pl

from assets.catalogue import ContractedSite, catalogue, rule_names
from assets.notices import blocked
from assets.plot import bars
from assets.portions import rows_held, whole_machines
from assets.resources import LakeResource, TenantResource
from assets.seen import Seen
from assets.units import built, in_force, measured_columns, taken
from assets.window import Window, require_predecessor, window
from lake.replacing import replace_days
from lake.spec import TableSpec
from lake.tables.bronze import READINGS as BRONZE_READINGS
from lake.tables.gold import BASELINE
from lake.tables.machines import SIGNAL_MINUTELY
from lake.tables.ops import CHECK_RESULTS, SIGNAL_REFERENCE
from lake.tables.silver import READINGS, SIGNAL_HOURLY
from quality.acceptance import accepted, settled
from quality.asset_checks import as_results, asset_key, checks_table
from quality.expected import expectations
from quality.outcome import Occasion, Outcome, record
from quality.validation import validate

_IN_FORCE = (READINGS, SIGNAL_HOURLY, SIGNAL_MINUTELY, SIGNAL_REFERENCE, BASELINE)
"""Tables of signals that are read in the units in force, whenever their rows were written."""


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
        self._set(window(context), lake, tenants, context.run.run_id)

    @classmethod
    def alone(cls, window: Window, lake: LakeResource, tenants: TenantResource, name: str) -> Build:
        """A build that no run of Dagster's asked for, under a name of its own."""
        build = cls.__new__(cls)
        build._set(window, lake, tenants, name)
        return build

    def _set(self, window: Window, lake: LakeResource, tenants: TenantResource, run_id: str) -> None:
        self.window: Window = window
        self.lake = lake.tenant(window.tenant)
        self._tenants = tenants
        self._run_id = run_id

    @cached_property
    def sites(self) -> list[ContractedSite]:
        """The tenant's sites with the contracts in force, and what was in force before."""
        found = self._tenants.sites(self.window.tenant)
        return [ContractedSite(one.site, one.contract, one.former) for one in found]

    @cached_property
    def catalogue(self) -> pl.DataFrame:
        """See `assets.catalogue.catalogue`."""
        return catalogue(self.sites)

    @cached_property
    def taken(self) -> pl.DataFrame:
        """See `assets.units.taken`."""
        return taken(self.sites)

    @cached_property
    def _units_before(self) -> pl.DataFrame:
        return built(self.sites)

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
        """Rows of the window, and of `lookback_days` before it; see `over`."""
        return self.over(spec, self.window.since(lookback_days), self.window.last, version)

    def over(
        self, spec: TableSpec, first: date | None = None, last: date | None = None, version: int | None = None
    ) -> pl.LazyFrame:
        """Rows of some days; tables of signals are in the units in force now, whenever a day was built."""
        rows = self.lake.scan(spec, first=first, last=last, version=version)
        columns = measured_columns(spec) if spec in _IN_FORCE else []
        return in_force(rows, columns, self._units_before) if columns else rows

    def read(self, spec: TableSpec, lookback_days: int = 0, version: int | None = None) -> pl.DataFrame:
        """The same, collected."""
        return self.scan(spec, lookback_days, version).collect()

    def machines(
        self, spec: TableSpec, lookback_days: int = 0, day: date | None = None, only: pl.Expr | None = None
    ) -> Iterator[pl.DataFrame]:
        """What `read` gives, some whole machines at a time, of a table whose rows lie machine by machine.

        Args:
            spec: the table.
            lookback_days: days before.
            day: instead of the window.
            only: which rows; all if not given.
        """
        window = self.window if day is None else Window(self.window.tenant, (day,))
        first, last = window.since(lookback_days), window.last
        rows = self.over(spec, first, last)
        yield from whole_machines(rows if only is None else rows.filter(only), rows_held(self.lake, spec, first, last))

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

    def replace_by_portions(
        self,
        spec: TableSpec,
        rows: Iterable[pl.DataFrame],
        others: Callable[[], Sequence[Outcome]] = tuple,
        facts: Callable[[], Mapping[str, Any]] = dict,
    ) -> dg.MaterializeResult[Any]:
        """The same for rows that come portion by portion, no two of which hold rows with one key.

        Args:
            spec: the table.
            rows: see `replace`.
            others: asked once all portions have come; see `replace`.
            facts: likewise.
        """
        seen = Seen(spec)
        version = replace_days(self.lake, spec, seen.passing(rows), self.days)
        outcomes = self._kept(spec, [*seen.outcomes(), *others()])
        return self._reported(spec, outcomes, seen, delta_version=version, **facts())

    def check(self, spec: TableSpec, rows: pl.DataFrame, others: Sequence[Outcome] = ()) -> list[Outcome]:
        """Run a table's expectations on rows and keep the results, those of other checks with them."""
        return self._kept(spec, [*validate(rows, expectations(spec)), *others])

    def check_by_portions(
        self, spec: TableSpec, rows: Iterable[pl.DataFrame], others: Sequence[Outcome] = ()
    ) -> list[Outcome]:
        """The same for rows that come portion by portion."""
        seen = Seen(spec)
        for _ in seen.passing(rows):
            pass
        return self._kept(spec, [*seen.outcomes(), *others])

    def _kept(self, spec: TableSpec, outcomes: list[Outcome]) -> list[Outcome]:
        """Keep results; a failure of which all was accepted warns."""
        if any(one.status == "failed" for one in outcomes):
            outcomes = settled(outcomes, accepted(self.lake, spec.full_name, self.days), self.days)
        record(self.lake, spec.full_name, outcomes, Occasion(tuple(self.days), self._run_id, datetime.now(UTC)))
        failed = [one for one in outcomes if one.status == "failed"]
        if failed:
            self._tenants.tell(self.window.tenant, *blocked(spec.full_name, str(self.window), failed))
        return outcomes

    def report(
        self, spec: TableSpec, outcomes: Sequence[Outcome], rows: pl.DataFrame, **facts: Any
    ) -> dg.MaterializeResult[Any]:
        """What a run tells about a table."""
        seen = Seen(spec)
        seen.count(rows)
        return self._reported(spec, outcomes, seen, **facts)

    def _reported(
        self, spec: TableSpec, outcomes: Sequence[Outcome], seen: Seen, **facts: Any
    ) -> dg.MaterializeResult[Any]:
        by_day = (
            [float(seen.by_day.get(day, 0)) for day in self.days] if "date" in spec.schema.names else [float(seen.rows)]
        )
        return dg.MaterializeResult(
            asset_key=asset_key(spec),
            check_results=as_results(spec, outcomes, self.window.whose),
            metadata={
                "dagster/row_count": seen.rows,
                "window": str(self.window),
                "bronze_version": self.bronze_version,
                "null_rate": seen.null_rate,
                "checks": dg.MetadataValue.md(checks_table(outcomes)),
                "rows_by_day": dg.MetadataValue.md(bars(by_day, "rows by day")),
                **facts,
            },
        )

    @cached_property
    def bronze_version(self) -> int:
        """Version of `bronze.readings` at the start of the build; -1 if there is none."""
        version = self.lake.version(BRONZE_READINGS)
        return -1 if version is None else version
