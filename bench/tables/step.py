"""One table's step as the run of a range calls it, beside a script of the same rows: in turn, and compared row for row.

An asset's own function is called without Dagster around it, which costs the same whatever the table
(`make bench ONLY=ranges` claims it): reading, computing, writing, every check, keeping their results, reporting.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
from deltalake import write_deltalake

from assets.partitions import partition_key
from assets.resources import LakeResource, TenantResource
from bench.claim import Claim
from bench.tables.plant import TENANT, registered
from core.errors import TerminalError
from core.tenancy import RegisteredSite
from lake.spec import TableSpec
from lake.store import Lake, TenantLake

_NEAR = 1e-9


class _OneSite(TenantResource):
    """The bench's own register."""

    def slugs(self) -> list[str]:
        """The one tenant."""
        return [TENANT]

    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        """The one site."""
        del slug
        return [registered()]

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        """A failed check would be news to the bench."""
        raise TerminalError(subject, received=message, where=f"{slug}: {cause}")


@dataclass(frozen=True)
class Place:
    """A lake of one tenant, and beside it the folder into which scripts write.

    Attributes:
        folder: holds both.
    """

    folder: Path

    @cached_property
    def lake(self) -> TenantLake:
        """The tenant's tables."""
        return Lake(str(self.folder)).tenant(TENANT)

    def scan(self, spec: TableSpec) -> pl.LazyFrame:
        """A table as a script reads it."""
        return pl.scan_delta(self.lake.location(spec))

    def alone(self, spec: TableSpec) -> str:
        """Where a script writes a table."""
        return str(self.folder / "alone" / spec.full_name)

    def write(self, spec: TableSpec, rows: pl.DataFrame) -> None:
        """A script's last line: the rows under the table's columns."""
        by_day = "date" if "date" in spec.partition_by else None
        write_deltalake(self.alone(spec), rows.select(spec.schema.names), mode="overwrite", partition_by=by_day)

    def run(self, asset: Any, over: Sequence[date]) -> None:
        """An asset's step over some days."""
        run = SimpleNamespace(run_id="bench", tags={})
        context = SimpleNamespace(partition_keys=[partition_key(TENANT, day) for day in over], run=run)
        done = asset.op.compute_fn.decorated_fn(context, LakeResource(root=str(self.folder)), _OneSite())
        if isinstance(done, Iterator):
            for _ in done:
                pass


@dataclass(frozen=True)
class Table:
    """One step and its peer.

    Attributes:
        asset: of Dagster's.
        written: tables it writes.
        script: writes the same under `Place.alone`.
        days: that are built.
        afresh: tables that are frozen once they are written are taken away before each run of ours.
    """

    asset: Any
    written: tuple[TableSpec, ...]
    script: Callable[[Place, Sequence[date]], None]
    days: Sequence[date]
    afresh: bool = False

    @property
    def name(self) -> str:
        """The first table it writes."""
        return self.written[0].full_name


@dataclass(frozen=True)
class Pair:
    """Seconds of both sides, the least of several runs.

    Attributes:
        ours, script: by the clock.
        ours_cpu, script_cpu: of this process, system time included: the same on a busy machine.
    """

    ours: float
    script: float
    ours_cpu: float
    script_cpu: float

    def told(self, what: str) -> str:
        """One line."""
        return (
            f"{what}: ours {self.ours:.2f} s (CPU {self.ours_cpu:.2f} s), the script {self.script:.2f} s "
            f"(CPU {self.script_cpu:.2f} s): {100 * self.script / self.ours:.0f} % "
            f"(CPU {100 * self.script_cpu / self.ours_cpu:.0f} %)"
        )


def compared(table: Table, place: Place, *, pairs: int) -> Pair:
    """Seconds of a step and of its script, in turn, after one uncounted pair; both must write the same rows."""

    def ours() -> None:
        if table.afresh:
            for spec in table.written:
                shutil.rmtree(place.lake.location(spec), ignore_errors=True)
        place.run(table.asset, table.days)

    runs = [(_timed(ours), _timed(lambda: table.script(place, table.days))) for _ in range(pairs + 1)][1:]
    mine, theirs = (tuple(map(min, zip(*side, strict=True))) for side in zip(*runs, strict=True))
    rows = sum(_same(place, spec) for spec in table.written)
    found = Pair(mine[0], theirs[0], mine[1], theirs[1])
    print(found.told(f"{table.name}, {rows:,} rows"), flush=True)
    return found


def summed(pairs: Iterable[Pair]) -> Pair:
    """Several tables as one."""
    return Pair(*(sum(column) for column in zip(*map(astuple, pairs), strict=True)))


def claimed(name: str, pair: Pair, target: float) -> Claim:
    """The seconds by the clock as a claim; the line above it tells those of the processor."""
    print(pair.told(name), flush=True)
    ratio = pair.ours / pair.script
    return Claim(name, "ratio", round(pair.ours, 6), round(pair.script, 6), round(ratio, 4), target, ratio <= target)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    wall, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - used


def _same(place: Place, spec: TableSpec) -> int:
    """How many rows both wrote; sums are added up in another order, so numbers may differ in their last digits."""
    keys = list(spec.keys)
    ours, theirs = (
        rows.select(spec.schema.names).sort(keys).collect()
        for rows in (place.lake.scan(spec), pl.scan_delta(place.alone(spec)))
    )
    floats = [name for name, kind in ours.schema.items() if kind.is_float()]
    near = pl.all_horizontal(
        ((pl.col(name) - theirs[name]).abs() <= _NEAR * theirs[name].abs().clip(lower_bound=1)).fill_null(
            pl.col(name).is_null() & theirs[name].is_null()
        )
        for name in floats
    )
    alike = ours.height == theirs.height > 0 and ours.drop(floats).equals(
        theirs.drop(floats).cast(ours.drop(floats).schema)
    )
    if not alike or not ours.select((near if floats else pl.lit(value=True)).all()).item():
        raise TerminalError(
            "the script's rows are others",
            expected=f"{theirs.height} rows",
            received=f"{ours.height} rows",
            where=spec.full_name,
        )
    return ours.height
