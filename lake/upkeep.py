"""A table kept fast and small: few files, rows laid along a Z-curve, no day longer than its rows are kept, and no file
longer than a kept version needs it.

Whoever reads or writes meanwhile is not disturbed: rewrites give way, and a file goes only when no version that is
still promised to be readable has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import GoldlayerError, TransientError
from lake.clustering import cluster
from lake.compaction import compact
from lake.retention import properties
from lake.spec import Layer, TableSpec
from lake.store import TenantLake

_AT_LEAST = 8
"""Small files of one day of bronze that are brought together."""


@dataclass(frozen=True, slots=True)
class Optimized:
    """What upkeep did to one table.

    Attributes:
        table: full name.
        compacted: small files that became few.
        clustered: files whose rows were laid anew.
        expired: days whose rows went, since they are kept no longer.
        vacuumed: files removed that no kept version needs.
        error: why it could not be done; what was done before stays done.
    """

    table: str
    compacted: int = 0
    clustered: int = 0
    expired: int = 0
    vacuumed: int = 0
    error: str | None = None

    @property
    def idle(self) -> bool:
        """True if there was nothing to do."""
        return self.error is None and not (self.compacted or self.clustered or self.expired or self.vacuumed)

    @property
    def words(self) -> str:
        """What was done, for people."""
        if self.error is not None:
            return self.error
        done = {"compacted": self.compacted, "laid along a Z-curve": self.clustered, "removed": self.vacuumed}
        said = [_counted(count, "file", what) for what, count in done.items() if count]
        said += [_counted(self.expired, "day", "of rows dropped")] if self.expired else []
        return ", ".join(said) or "nothing to do"


def _counted(count: int, noun: str, what: str) -> str:
    return f"{count:,} {noun if count == 1 else f'{noun}s'} {what}"


def optimize(
    tables: TenantLake, specs: Sequence[TableSpec], *, rest_s: float, needed: Mapping[TableSpec, date] = {}
) -> Iterator[Optimized]:
    """Look after tables one by one; one that fails is in nobody's way.

    Args:
        tables: the tenant's.
        specs: which of them; those never written are passed over, and those of which only the latest version is kept:
            who writes them takes away what was.
        rest_s: time since its last write after which a day's rows are laid.
        needed: see `expire`.
    """
    for spec in specs:
        if spec.latest_only:
            continue
        try:
            table = tables.open(spec)
            if table is None:
                continue
            expired = expire(tables, spec, datetime.now(UTC).date(), needed.get(spec))
            compacted = compact(tables, spec, at_least=_AT_LEAST) if spec.layer is Layer.BRONZE else 0
            clustered = cluster(tables, spec, before_ms=int((time.time() - rest_s) * 1000))
            yield Optimized(spec.full_name, compacted, clustered, expired, vacuum(tables, spec))
        except GoldlayerError as error:
            yield Optimized(spec.full_name, error=str(error))


def expire(tables: TenantLake, spec: TableSpec, today: date, needed: date | None = None) -> int:
    """Drop whole days of rows that are older than the table keeps them; its versions before this one still have them.

    Args:
        tables: the tenant's.
        spec: a table partitioned by day, if it says how long rows are kept.
        today: UTC.
        needed: day from which on rows stay, however old they are.

    Returns:
        Days dropped.
    """
    if spec.retention_days is None:
        return 0
    kept = min(today - timedelta(days=spec.retention_days), needed or date.max)
    gone = [day for day in tables.days(spec) if day < kept]
    if gone:
        tables.commit(spec, lambda target: target.delete(f"date < '{kept}'"))
    return len(gone)


def vacuum(tables: TenantLake, spec: TableSpec) -> int:
    """Remove the files that went out of the table longer ago than its versions are kept.

    Only files that the log says were taken out are looked at: what a writer is about to commit is none of them.

    Returns:
        Files removed.

    Raises:
        TransientError: the store failed.
    """
    try:
        with tables.turn(spec):
            return _vacuum(tables, spec)
    except (DeltaError, OSError) as error:
        raise TransientError("files cannot be removed", received=str(error), where=spec.full_name) from error


def _vacuum(tables: TenantLake, spec: TableSpec) -> int:
    table = tables.open(spec)
    if table is None:
        return 0
    _remember_how_long(table, spec)
    fresh = tables.open(spec)
    hours = spec.history_days * 24
    if fresh is None or not fresh.vacuum(hours, dry_run=True, enforce_retention_duration=False):
        return 0
    return len(fresh.vacuum(hours, dry_run=False, enforce_retention_duration=False))


def _remember_how_long(table: DeltaTable, spec: TableSpec) -> None:
    """Tables made before they said how long their versions are kept say it from now on."""
    wanted = properties(spec)
    known = table.metadata().configuration
    lacking = {name: value for name, value in wanted.items() if known.get(name) != value}
    if lacking:
        table.alter.set_table_properties(lacking)
