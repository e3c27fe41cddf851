"""A table's declaration as Dagster shows it: description, columns with units, owner, kind, group, freshness."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.partitions import TENANT_DAYS, WHOLE_RANGE
from assets.retrying import retried
from lake.spec import Column, Layer, TableSpec
from lake.tables.columns import UNIT_IS
from quality.asset_checks import asset_key, check_specs

OWNERS = ["team:data-platform"]
LOOKBACK = "goldlayer/lookback_days"
"""Metadata key: days before a changed day whose rows an asset reads as well."""

STALE_AFTER = timedelta(days=2)
"""A computed table that was not built for so long is stale."""
_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER, warn_window=timedelta(days=1))


_NO_UNIT = (None, "", "1")
_DEFINITION = re.compile(r"(?:(?<=:)|;) (\w+) = ")


def table_spec(spec: TableSpec, deps: Iterable[TableSpec] = (), **others: Any) -> dg.AssetSpec:
    """The asset that a table is."""
    return dg.AssetSpec(**_facts(spec, deps), **others)


def table_asset(spec: TableSpec, deps: Iterable[TableSpec]) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator: the asset that writes one table, checked in the step that writes it."""
    asset = dg.asset(
        **_facts(spec, deps),
        check_specs=check_specs(spec),
        partitions_def=TENANT_DAYS,
        backfill_policy=WHOLE_RANGE,
    )
    return lambda step: asset(retried(step))


def _facts(spec: TableSpec, deps: Iterable[TableSpec]) -> dict[str, Any]:
    """What the platform computes is expected to be fresh; bronze is what bridges send, whenever they do."""
    computed = spec.layer is not Layer.BRONZE
    return {
        "key": asset_key(spec),
        "deps": [asset_key(one) for one in deps],
        "description": f"{listed(spec.description)}\n\nGrain: {spec.grain}.",
        "group_name": spec.layer.value,
        "owners": OWNERS,
        "kinds": {"deltalake", "polars"} if computed else {"deltalake"},
        "tags": {"layer": spec.layer.value, "written_by": spec.owner},
        "metadata": {
            "dagster/column_schema": _columns(spec),
            "dagster/table_name": spec.full_name,
            LOOKBACK: spec.lookback_days,
        },
        "freshness_policy": _FRESHNESS if computed else None,
        "automation_condition": dg.AutomationCondition.eager() if spec.layer is Layer.GOLD else None,
    }


def listed(description: str) -> str:
    """A description whose definitions, `name = what it is`, stand one below the other where Markdown is shown. Pure."""
    return _DEFINITION.sub(r"\n- **\1** = ", description)


def _columns(spec: TableSpec) -> dg.TableSchema:
    unique = dg.TableConstraints(other=[f"unique: {', '.join(spec.keys)}"] if spec.keys else [])
    return dg.TableSchema(columns=[_column(column) for column in spec.columns], constraints=unique)


def _column(column: Column) -> dg.TableColumn:
    unit = f" [{'unit of the row' if column.unit == UNIT_IS else column.unit}]" if column.unit not in _NO_UNIT else ""
    return dg.TableColumn(
        column.name,
        str(column.type),
        description=column.description + unit,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )
