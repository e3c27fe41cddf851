"""Building a range of days again, whatever became of earlier attempts: each day once, also across a kill.

Every piece is an ordinary run of the build job over a range of partitions, as Dagster's own backfills launch them, and
carries the backfill's id. What is done is therefore what Dagster says succeeded; nothing else is kept of it.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.partitions import RANGE_END, RANGE_START, TENANT_TAG
from core.errors import GoldlayerError, InputError
from core.run.locks import FileLock
from lake.store import TenantLake
from lake.tables import bronze, table
from orchestration.bronze_watch import Rebuild, add_partitions, name_of, reach_of
from orchestration.rebuild import Key, contiguous
from quality.asset_checks import asset_key

BACKFILL_TAG = "work/backfill"
"""On every run of a backfill: its id."""
_OPEN = "goldlayer/backfill/"
_OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_SOURCES = (bronze.READINGS, bronze.EVENTS)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants built again.

    Attributes:
        first: first day.
        last: last day, included.
        tenants: slugs; none for all.
        tables: full names; none for everything that is built.
    """

    first: date
    last: date
    tenants: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError("the last day lies before the first", expected=f"from {self.first} on", received=self.last)

    @property
    def key(self) -> str:
        """The same for the same request."""
        asked = [self.first.isoformat(), self.last.isoformat(), sorted(self.tenants), sorted(self.tables)]
        return _OPEN + hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Piece:
    """One run: a tenant's days, first and last, without a hole."""

    tenant: str
    days: tuple[date, date]

    @property
    def count(self) -> int:
        """Days."""
        return (self.days[1] - self.days[0]).days + 1


@dataclass(slots=True)
class Result:
    """What a call came to, in days of a tenant.

    Attributes:
        before: days that an earlier attempt had built.
        built: days that this call built.
        failed: why a tenant could not be worked to its end.
        elsewhere: tenants that another process is at work on.
    """

    before: int = 0
    built: int = 0
    failed: dict[str, str] = field(default_factory=dict[str, str])
    elsewhere: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """True if nothing is left to do."""
        return not self.failed and not self.elsewhere

    def add(self, other: "Result") -> None:
        """What another call came to, on other tenants."""
        self.before += other.before
        self.built += other.built
        self.failed |= other.failed
        self.elsewhere = (*self.elsewhere, *other.elsewhere)


def pieces(tenant: str, days: Iterable[date], done: Iterable[date], per_run: int) -> list[Piece]:
    """Runs over the days that are not done, in order, none over more than `per_run` days."""
    found: list[Piece] = []
    for first, last in contiguous(set(days) - set(done)):
        while first <= last:
            end = min(last, first + timedelta(days=per_run - 1))
            found.append(Piece(tenant, (first, end)))
            first = end + timedelta(days=1)
    return found


def keys_of(graph: AssetGraph, tables: Sequence[str]) -> tuple[Key, ...]:
    """The assets that some tables are, and what is written in one step with them; all for none.

    Raises:
        NotFoundError: no such table.
        InputError: a table is not built but sent.
    """
    if not tables:
        return tuple(sorted(reach_of(graph)))
    wanted = {asset_key(table(name)) for name in tables}
    foreign = sorted(key.to_user_string() for key in wanted - graph.materializable_asset_keys)
    if foreign:
        raise InputError(
            "not a table that is built from others",
            expected=", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys)),
            received=", ".join(foreign),
        )
    return tuple(sorted({tuple(one.path) for key in wanted for one in graph.get(key).execution_set_asset_keys}))


class Backfill:
    """A request and what was done of it.

    Args:
        instance: where runs are kept.
        request: what is wanted.
        locks: folder; one process at a time works on a tenant.
        per_run: days of one run at most: what is lost when it is interrupted.
    """

    def __init__(self, instance: dg.DagsterInstance, request: Request, locks: Path, per_run: int) -> None:
        self._instance = instance
        self._request = request
        self._locks = locks
        self._per_run = per_run
        known = instance.run_storage.get_cursor_values({request.key}).get(request.key)
        self.resumed = bool(known)
        """True if an earlier attempt was not brought to its end."""
        self.id = known or uuid4().hex[:12]
        """Goes on every run."""
        instance.run_storage.set_cursor_values({request.key: self.id})

    def days(self, lake: TenantLake) -> list[date]:
        """The days of the range for which there is data."""
        first, last = self._request.first, self._request.last
        return sorted({day for spec in _SOURCES for day in lake.days(spec) if first <= day <= last})

    def done(self, tenant: str) -> set[date]:
        """Days of a tenant that runs of this backfill have built."""
        ours = {BACKFILL_TAG: self.id, TENANT_TAG: tenant}
        built = self._instance.get_runs(dg.RunsFilter(tags=ours, statuses=[dg.DagsterRunStatus.SUCCESS]))
        return {day for run in built for day in _days_of(run)}

    def missing(self, tenant: str, lake: TenantLake) -> list[Piece]:
        """The runs that a tenant still needs."""
        return pieces(tenant, self.days(lake), self.done(tenant), self._per_run)

    def work(
        self,
        tenant: str,
        lake: TenantLake,
        build: Callable[[Rebuild, dict[str, str]], object],
        keys: tuple[Key, ...],
        tell: Callable[[Piece], None],
    ) -> Result:
        """Build what a tenant is missing, run after run.

        Args:
            tenant: slug.
            lake: its lake.
            build: makes one run with more tags; raises if it does not succeed.
            keys: assets to build.
            tell: told of every piece that is built.
        """
        add_partitions(self._instance, [tenant], self.days(lake))
        result = Result()
        with self._alone(tenant) as alone:
            if not alone:
                result.elsewhere = (tenant,)
                return result
            self._bury(tenant)
            result.before = len(self.done(tenant) & set(self.days(lake)))
            try:
                for piece in self.missing(tenant, lake):
                    name = name_of(tenant, self.id, piece.days[0])
                    build(Rebuild(name, tenant, keys, piece.days, None), {BACKFILL_TAG: self.id})
                    result.built += piece.count
                    tell(piece)
            except GoldlayerError as error:
                result.failed[tenant] = str(error)
        return result

    def close(self) -> None:
        """Everything is built: the same request made again is a new backfill."""
        self._instance.run_storage.set_cursor_values({self._request.key: ""})

    @contextmanager
    def _alone(self, tenant: str) -> Generator[bool]:
        """Whether this process is the one that works on a tenant; the system lets go of the lock of one that died."""
        self._locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._locks / f"{tenant}.lock")
        try:
            yield lock.acquire(wait=False)
        finally:
            lock.release()

    def _bury(self, tenant: str) -> None:
        """Close the runs of processes that died: whoever holds the tenant's lock knows that nobody works on them."""
        filters = dg.RunsFilter(tags={BACKFILL_TAG: self.id, TENANT_TAG: tenant})
        for run in self._instance.get_runs(filters):
            if run.status not in _OVER:
                self._instance.report_run_failed(run, "The process that made this run ended before it was done.")


def _days_of(run: dg.DagsterRun) -> Iterator[date]:
    first, last = (date.fromisoformat(run.tags[tag].partition("|")[0]) for tag in (RANGE_START, RANGE_END))
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)
