"""How Dagster learns of bronze: what was committed since the cursor, and which runs follow from it.

One function, called by the sensor and by `platform dagster materialize`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.bronze import WATCHED
from assets.declared import LOOKBACK
from assets.partitions import TENANTS, partition_key, range_tags
from assets.resources import LakeResource, TenantResource
from assets.window import AFTER_TAG, REBUILD_TAG
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import bronze
from orchestration.cursor import Versions
from orchestration.rebuild import Key, reaches, stages
from quality.asset_checks import asset_key

_TOUCHING = (bronze.READINGS, bronze.EVENTS, bronze.BRIDGE_COUNTS)
"""Tables partitioned by the day of the source time: a new row in them touches its day."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """One run: assets of one tenant over a contiguous run of days.

    Attributes:
        name: unique; a later run that reads these tables waits for it.
        after: name of the run whose success this one needs.
    """

    name: str
    tenant: str
    keys: tuple[Key, ...]
    days: tuple[date, date]
    after: str | None

    def tags(self) -> dict[str, str]:
        """Tags of its run."""
        chain = {AFTER_TAG: self.after} if self.after else {}
        return {**range_tags(self.tenant, self.days), REBUILD_TAG: self.name, "tenant": self.tenant, **chain}


@dataclass(frozen=True, slots=True)
class Poll:
    """What the watch found.

    Attributes:
        tenants: every tenant; those that are no partitions yet have to become some.
        materialisations: days of bronze tables that grew, with the version they were seen at.
        rebuilds: runs that follow, in the order in which they must be made.
        versions: where to go on next time.
    """

    tenants: list[str]
    materialisations: list[dg.AssetMaterialization]
    rebuilds: list[Rebuild]
    versions: Versions


def reach_of(graph: AssetGraph) -> dict[Key, int]:
    """How many days forward a touched day of bronze reaches, for every asset that a run can build."""
    keys = graph.materializable_asset_keys
    upstream = {tuple(key.path): [tuple(one.path) for one in graph.get(key).parent_keys] for key in keys}
    lookback = {tuple(key.path): int(graph.get(key).metadata.get(LOOKBACK, 0)) for key in keys}
    return reaches(upstream, lookback)


def poll_bronze(lake: LakeResource, tenants: TenantResource, reach: Mapping[Key, int], seen: Versions) -> Poll:
    """What bronze gained since `seen`; nothing seen is everything gained.

    Versions are read once and the cursor moves to exactly those: a commit made meanwhile is found next time.
    """
    slugs = tenants.slugs()
    found: list[dg.AssetMaterialization] = []
    rebuilds: list[Rebuild] = []
    now: Versions = {}
    for slug in slugs:
        tables = lake.tenant(slug)
        gains = {spec: tables.days_added_since(spec, seen.get(slug, {}).get(spec.full_name)) for spec in WATCHED}
        now[slug] = {spec.full_name: version for spec, (version, _) in gains.items() if version >= 0}
        found += [_seen(slug, spec, day, version) for spec, (version, days) in gains.items() for day in days]
        rebuilds += _rebuilds(slug, tables, gains, reach)
    return Poll(slugs, found, rebuilds, now)


def add_tenants(instance: dg.DagsterInstance, slugs: Sequence[str]) -> list[str]:
    """Make tenants partitions; returns those that were none before."""
    name = str(TENANTS.name)
    new = [slug for slug in slugs if not instance.has_dynamic_partition(name, slug)]
    if new:
        instance.add_dynamic_partitions(name, new)
    return new


def _seen(tenant: str, spec: TableSpec, day: date, version: int) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key(spec), partition=partition_key(tenant, day), metadata={"delta_version": version}
    )


def _rebuilds(
    tenant: str, tables: TenantLake, gains: Mapping[TableSpec, tuple[int, list[date]]], reach: Mapping[Key, int]
) -> list[Rebuild]:
    touched = {day for spec in _TOUCHING for day in gains[spec][1]}
    available = sorted({day for spec in _TOUCHING for day in tables.days(spec)})
    if gains[bronze.HISTORY][1] and available:
        touched.add(available[-1])  # new lives make a new model, which speaks from the latest day on
    version = ".".join(str(version) for version, _ in gains.values())
    found: list[Rebuild] = []
    for stage in stages(sorted(touched), available, reach):
        for days in stage.ranges:
            name = f"{tenant}/{version}/{len(found)}/{days[0]}"
            found.append(Rebuild(name, tenant, stage.keys, days, found[-1].name if found else None))
    return found
