"""The lake's side of one route: what it has of each lane, and the commits in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from core import faults
from core.contracts.lanes import REFUSED
from ingestion.sink.assembly import Chunk
from ingestion.sink.batch import Batch
from ingestion.sink.checks import TimeLimits
from ingestion.sink.columns import unite, unite_counts
from ingestion.sink.plan import Commit, offset_id, plan
from ingestion.sink.reused import Known, is_other
from ingestion.sink.route import Route
from lake.store import TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, QUARANTINE, READINGS

_APART = ("equipment_id", "ts", "header")

BEFORE_READINGS = "sink.before_readings"
"""Fault point: quarantine and counts are in the lake, the readings of the same batches are not."""


class Writer:
    """Plans and commits; blocking, so it is called in a thread, by one caller at a time.

    What it remembers of the lake is read once per lane; after any error it is thrown away with the assembly.
    """

    def __init__(self, lake: TenantLake, route: Route, log: str, limits: TimeLimits) -> None:
        self._lake = lake
        self._route = route
        self._log = log
        self._limits = limits
        self._known: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}

    def resume(self, partition: int) -> int:
        """The offset at which reading a partition goes on."""
        name = offset_id(self._log, self._route.topic, partition)
        return self._lake.transaction_version(self._route.main, name) or 0

    def last(self, lanes: Iterable[str]) -> dict[str, int]:
        """Last number the main table has of each lane, 0 if none; side tables are asked along the way."""
        found: dict[str, int] = {}
        for lane in lanes:
            found[lane] = self._last[lane] = self._lake.transaction_version(self._route.main, lane) or 0
            for side in (QUARANTINE, BRIDGE_COUNTS):
                version = self._lake.transaction_version(side, lane)
                if side is not self._route.main and version is not None:
                    self._known[side.full_name, lane] = version
        return found

    def others(self, batches: Sequence[Batch]) -> set[int]:
        """Offsets of those batches that the lake has otherwise, of some of one partition whose numbers it has."""
        return others(self._lake, self._route, batches)

    def plan(self, chunk: Chunk) -> list[Commit]:
        """The commits of a chunk."""
        offsets = {offset_id(self._log, self._route.topic, p): offset for p, offset in chunk.offsets.items()}
        return plan(chunk, self._route.main, self._known, self._limits, offsets)

    def commit(self, commits: Iterable[Commit]) -> dict[str, int]:
        """Write them in order.

        Returns:
            Rows written by table.

        Raises:
            TransientError: the store failed; some commits may have happened.
            TerminalError: another sink carries one of the lanes by now; nothing of it was written twice.
        """
        written: dict[str, int] = {}
        for one in commits:
            if one.spec is self._route.main:
                faults.die_here(BEFORE_READINGS)
            self._lake.append(
                one.spec, one.rows, transactions=one.transactions, after=self._before(one), positions=one.offsets
            )
            written[one.spec.full_name] = one.rows.num_rows
            for lane, seq in one.transactions.items():
                if one.spec is self._route.main:
                    self._last[lane] = seq
                else:
                    self._known[one.spec.full_name, lane] = seq
        return written

    def _before(self, commit: Commit) -> dict[str, int]:
        """What the plan took the table to have of each lane: a lane that changed hands meanwhile shows by it."""
        if commit.spec is self._route.main:
            return {lane: self._last.get(lane, 0) for lane in commit.transactions}
        return {lane: self._known.get((commit.spec.full_name, lane), 0) for lane in commit.transactions}


def others(lake: TenantLake, route: Route, batches: Sequence[Batch]) -> set[int]:
    """Offsets of those batches that the lake has otherwise, of some of one partition whose numbers it has."""
    lanes = {road + one.lane for one in batches for road in ("", REFUSED)}
    mine = pl.col("lane").is_in(lanes) & pl.col("seq").is_in({one.seq for one in batches})
    days = {day for one in batches if one.size for day in unite([one])[0].column("date").to_pylist()}
    counted = {day for one in batches for day in _counted_days(one)}
    main = READINGS if route.main is QUARANTINE else route.main
    known = Known(
        main=lake.scan(main).filter(pl.col("date").is_in(days), mine).collect(),
        apart=lake.scan(QUARANTINE).filter(mine).select("lane", "seq", "row_no", *_APART).collect(),
        counts=lake.scan(BRIDGE_COUNTS).filter(pl.col("date").is_in(counted), mine).collect(),
    )
    return {one.offset for one in batches if is_other(one, known)}


def _counted_days(batch: Batch) -> list[date]:
    """Days that the books of a batch without rows are about."""
    if batch.size or batch.counts is None or not batch.counts.num_rows:
        return []
    return unite_counts([batch]).column("date").to_pylist()
