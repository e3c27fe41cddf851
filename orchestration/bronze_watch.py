"""How Dagster learns of bronze: what was committed since the cursor, and which runs follow from it.

One function, called by the sensor and by `platform dagster materialize`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import polars as pl
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.bronze import BY_DAY, WATCHED
from assets.declared import LOOKBACK
from assets.partitions import DAYS, FIRST_DAY, TENANTS, last_day, partition_key, range_tags
from assets.resources import LakeResource, TenantResource
from assets.silver import gaps, refined
from assets.window import AFTER_TAG, REBUILD_TAG
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import bronze, ops
from orchestration.cursor import Versions
from orchestration.rebuild import Key, contiguous, reaches, stages
from quality.asset_checks import asset_key

_TOUCHING = (bronze.READINGS, bronze.EVENTS)
"""Tables partitioned by the day of the source time: a new row in them touches everything of its day."""
_COUNTING = (bronze.BRIDGE_COUNTS, bronze.READMISSIONS)
"""Likewise, but a new row in them touches the books of its day alone."""
_BOOKS = tuple(sorted(tuple(key.path) for key in refined.keys))
"""What counts and quarantine change: the books, and what is written in one step with them."""
_GAPS = tuple(tuple(key.path) for key in gaps.keys)
"""What the notice of a gap changes."""
Gains = Mapping[TableSpec, tuple[int, list[date]]]
"""What each watched table gained: its latest version, and the days to which rows came."""


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
        return {**range_tags(self.tenant, self.days), REBUILD_TAG: self.name, **chain}


@dataclass(frozen=True, slots=True)
class Poll:
    """What the watch found.

    Attributes:
        tenants: every tenant; those that are no partitions yet have to become some.
        days: every day with data, and every day of a rebuild, in order; likewise.
        materialisations: days of bronze tables that grew, with the version they were seen at.
        rebuilds: runs that follow, in the order in which they must be made.
        versions: where to go on next time.
    """

    tenants: list[str]
    days: list[date]
    materialisations: list[dg.AssetMaterialization]
    rebuilds: list[Rebuild]
    versions: Versions


def name_of(*what: object) -> str:
    """A name of a run, the same for the same; short, since Dagster's list of runs shows it."""
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()[:12]


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
    days: set[date] = set()
    now: Versions = {}
    for slug in slugs:
        tables = lake.tenant(slug)
        before = seen.get(slug, {})
        gains = {spec: tables.days_added_since(spec, before.get(spec.full_name)) for spec in WATCHED}
        now[slug] = {spec.full_name: version for spec, (version, _) in gains.items() if version >= 0}
        seen_now = _seen(slug, gains)
        available = sorted({day for spec in _TOUCHING for day in tables.days(spec)})
        mine = _rebuilds(slug, tables, gains, available, _booked_days(tables, gains, before), reach)
        days |= _there(available).union(*(_between(*one.days) for one in mine), _gained(gains))
        found += seen_now
        rebuilds += mine
    return Poll(slugs, sorted(days), found, rebuilds, now)


def missing_partitions(
    instance: dg.DagsterInstance, tenants: Iterable[str], days: Iterable[date]
) -> dict[dg.DynamicPartitionsDefinition, list[str]]:
    """Those of some tenants and days that are no partitions yet, in order; none of a kind is no entry."""
    wanted = {TENANTS: sorted(tenants), DAYS: sorted(day.isoformat() for day in days)}
    found: dict[dg.DynamicPartitionsDefinition, list[str]] = {}
    for definition, keys in wanted.items():
        known = set(instance.get_dynamic_partitions(str(definition.name)))
        if new := [key for key in keys if key not in known]:
            found[definition] = new
    return found


def add_partitions(instance: dg.DagsterInstance, tenants: Iterable[str], days: Iterable[date]) -> None:
    """Make tenants and days partitions that are none yet."""
    for definition, keys in missing_partitions(instance, tenants, days).items():
        instance.add_dynamic_partitions(str(definition.name), keys)


def _seen(tenant: str, gains: Gains) -> list[dg.AssetMaterialization]:
    """What Dagster is told of bronze.

    Of tables by day, every one for a day that one of them gained: the others hold all that is to hold of it. Of those
    in which most days have no row, that they grew.
    """
    days = sorted(_gained(gains))
    return [
        dg.AssetMaterialization(asset_key(spec), partition=cell, metadata={"delta_version": version})
        for spec, (version, grown) in gains.items()
        for cell in ([partition_key(tenant, day) for day in days] if spec in BY_DAY else [tenant] if grown else [])
    ]


def _gained(gains: Gains) -> set[date]:
    """Days to which rows of a table by day came."""
    return _there(day for spec in BY_DAY for day in gains[spec][1])


def _between(first: date, last: date) -> set[date]:
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}


def _there(days: Iterable[date]) -> set[date]:
    """Days as partitions: the first one for those that are none."""
    last = last_day()
    return {day if FIRST_DAY <= day <= last else FIRST_DAY for day in days}


def _booked_days(tables: TenantLake, gains: Gains, before: Mapping[str, int]) -> set[date]:
    """Days whose books changed: those of bridges' counts, and those that rows kept apart or let in are about."""
    found = {day for spec in _COUNTING for day in gains[spec][1]}
    if gains[bronze.QUARANTINE][1]:
        times = ["ts", "received_at"]
        rows = tables.rows_added_since(bronze.QUARANTINE, before.get(bronze.QUARANTINE.full_name), times)
        found |= set(rows.select(pl.coalesce(times).dt.date().unique()).to_series())
    return _there(found)


def _rebuilds(
    tenant: str,
    tables: TenantLake,
    gains: Gains,
    available: Sequence[date],
    booked: set[date],
    reach: Mapping[Key, int],
) -> list[Rebuild]:
    touched = {day for spec in _TOUCHING for day in gains[spec][1]}
    if gains[bronze.HISTORY][1] and available:
        touched.add(available[-1])  # new lives make a new model, which speaks from the latest day on
    if _has_come(tables, touched):
        booked = {*booked, FIRST_DAY}
    booked = booked | _left_open(tables, touched)
    plan = [(stage.keys, stage.ranges) for stage in stages(sorted(touched), available, reach)]
    plan.append((_BOOKS, tuple(contiguous(booked - touched))))
    plan.append((_GAPS, tuple(contiguous(_there(gains[bronze.GAPS][1]) - touched))))
    version = ".".join(str(version) for version, _ in gains.values())
    found: list[Rebuild] = []
    for keys, ranges in plan:
        for days in ranges:
            name = name_of(tenant, version, len(found), days[0])
            found.append(Rebuild(name, tenant, keys, days, found[-1].name if found else None))
    return found


def _has_come(tables: TenantLake, touched: set[date]) -> bool:
    """True if a touched day is there by now that the books of the first day speak of: it has books of its own."""
    if not touched:
        return False
    ahead = tables.scan(ops.BOOKS, first=FIRST_DAY, last=FIRST_DAY).filter(
        pl.col("hour").dt.date().is_in(sorted(touched - {FIRST_DAY}))
    )
    return not ahead.select("hour").collect().is_empty()


def _left_open(tables: TenantLake, touched: set[date]) -> set[date]:
    """Once a day begins, those before it whose books have readings in flight: if these are lost, it shows by now.

    A lane that goes on with the new day has gone past what it carried of the old one, which nothing else touches.
    """
    booked = tables.days(ops.BOOKS)
    if not booked or max(touched, default=date.min) <= booked[-1]:
        return set()
    of_readings = ~pl.col("signal").str.starts_with("rule:")
    waiting = tables.scan(ops.BOOKS).filter(pl.col("in_flight") > 0, of_readings)
    return set(waiting.select(pl.col("date").unique()).collect()["date"])
