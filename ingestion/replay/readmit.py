"""Let rows in, once: what is let in is recorded first, and stands in bronze with its origin last.

A record without its row is one on its way, and the next replay brings it; a row is looked for in bronze by its origin
before it is written. Every commit takes the next number of its table, so that of two replays at the same time one has
to look again. A crash anywhere leaves the books in balance but for what is on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import pyarrow as pa

from core import faults
from core.contracts.lanes import LaneKind
from core.errors import TransientError
from ingestion.replay.held import Held, Rules, held
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, GAPS, QUARANTINE, READINGS, READMISSIONS

TABLE_OF = {LaneKind.READINGS: READINGS, LaneKind.FAULTS: EVENTS, LaneKind.STATUS: GAPS}
_NAME = "replay"
_ATTEMPTS = 20
_KEY = ["lane", "seq", "row_no"]
Key = tuple[str, int, int | None]
"""Lane, number and row; no row for a batch that nobody could read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of quarantine are meant; None means all.

    Attributes:
        site: site of the bridge.
        reason: words of the reason.
        lane: `<bridge>/<incarnation>/<lane>`.
        seq: number of the batch.
    """

    site: str | None = None
    reason: str | None = None
    lane: str | None = None
    seq: int | None = None

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows that are meant."""
        if self.site is not None:
            rows = rows.filter(pl.col("site") == self.site)
        if self.reason is not None:
            rows = rows.filter(pl.col("reason").str.contains(self.reason, literal=True))
        if self.lane is not None:
            rows = rows.filter(pl.col("lane") == self.lane)
        return rows if self.seq is None else rows.filter(pl.col("seq") == self.seq)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        rows: rows let in, by table; in a trial run, rows that would be.
        waiting: rows that stay, by today's reason.
    """

    rows: dict[str, int]
    waiting: dict[str, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One commit of a replay, and the number it was planned upon."""

    spec: TableSpec
    rows: pa.Table
    after: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The commits of a replay in their order, and what stays."""

    steps: list[Step]
    waiting: dict[str, int]

    @property
    def rows(self) -> dict[str, int]:
        """Rows it lets in, by table."""
        return {one.spec.full_name: one.rows.num_rows for one in self.steps if one.spec in TABLE_OF.values()}


def replay(lake: TenantLake, selection: Selection, rules: Rules, *, by: str, at: datetime) -> Replayed:
    """Let in what today's rules allow.

    Args:
        lake: the tenant's tables.
        selection: which rows are meant.
        rules: today's.
        by: who asks.
        at: when.

    Raises:
        TransientError: others were faster every time, or the store failed; call again.
    """
    done: Counter[str] = Counter()
    for _ in range(_ATTEMPTS):
        plan = plan_replay(lake, selection, rules, by=by, at=at)
        for step in plan.steps:
            if not lake.append_once(step.spec, step.rows, name=_NAME, after=step.after):
                break
            faults.die_here(after(step.spec))
            done.update(Plan([step], {}).rows)
        else:
            return Replayed(dict(done), plan.waiting)
    raise TransientError("other replays were faster every time", next_step="run it again")


def after(spec: TableSpec) -> str:
    """Fault point: the step of a table is committed, the next is not."""
    return f"replay.after_{spec.name}"


def plan_replay(lake: TenantLake, selection: Selection, rules: Rules, *, by: str, at: datetime) -> Plan:
    """The commits that let in what may come in; none if nothing may."""
    # Numbers before rows: whoever commits after this makes the plan fail, not the count.
    numbers = {spec: _number(lake, spec) for spec in (READMISSIONS, BRIDGE_COUNTS, *TABLE_OF.values())}
    rows = selection.of(lake.scan(QUARANTINE).filter(pl.col("rows") > 0)).collect()
    known = (
        lake.scan(READMISSIONS).select(_KEY).collect().join(rows.select(_KEY), on=_KEY, how="semi", nulls_equal=True)
    )
    recorded = set(known.iter_rows())
    waiting: Counter[str] = Counter()
    admitted: dict[TableSpec, list[pa.Table]] = {}
    records: list[pa.Table] = []
    counts: list[pa.Table] = []
    for one in held(rows, rules):
        if one.waiting is not None:
            waiting[one.waiting[0]] += one.waiting[1]
            continue
        let_in, fresh = _sort(one, recorded, waiting)
        if any(let_in):
            admitted.setdefault(TABLE_OF[one.kind], []).append(one.rows.filter(pa.array(let_in)))
        if one.counts is not None:
            counts.append(one.counts)
        records += _records(one, fresh, rows, rules, by, at, recorded)
    steps = [(READMISSIONS, records), (BRIDGE_COUNTS, [_missing(lake, BRIDGE_COUNTS, one) for one in counts])]
    steps += [(spec, [_missing(lake, spec, pa.concat_tables(tables))]) for spec, tables in admitted.items()]
    planned = [Step(spec, pa.concat_tables(tables), numbers[spec]) for spec, tables in steps if tables]
    return Plan([step for step in planned if step.rows.num_rows], dict(waiting))


def _number(lake: TenantLake, spec: TableSpec) -> int:
    return lake.transaction_version(spec, _NAME) or 0


def _sort(one: Held, recorded: set[Key], waiting: Counter[str]) -> tuple[list[bool], list[bool]]:
    """Which rows stand in bronze in the end, and which of them are let in by this replay."""
    let_in: list[bool] = []
    fresh: list[bool] = []
    keys = zip(*(one.rows.column(name).to_pylist() for name in _KEY), strict=True) if one.rows.num_rows else ()
    for key, reason in zip(keys, one.reasons, strict=True):
        was = key in recorded or (one.unread is not None and (*one.unread, None) in recorded)
        if reason is not None and not was:
            waiting[reason] += 1
        let_in.append(was or reason is None)
        fresh.append(reason is None and not was)
    return let_in, fresh


def _records(
    one: Held,
    fresh: Sequence[bool],
    quarantine: pl.DataFrame,
    rules: Rules,
    by: str,
    at: datetime,
    recorded: set[Key],
) -> Iterable[pa.Table]:
    """Rows of `bronze.readmissions`: one for each row let in, or one for a batch that nobody could read."""
    if one.unread is not None:
        if (*one.unread, None) in recorded:
            return
        lane, seq = one.unread
        of = quarantine.filter(pl.col("lane") == lane, pl.col("seq") == seq)
    elif any(fresh):
        keys = one.rows.filter(pa.array(fresh)).select(_KEY)
        of = quarantine.join(pl.DataFrame(keys), on=_KEY, how="semi")
    else:
        return
    versions = {site: promise.contract_version for site, promise in rules.promises.items()}
    told = of.with_columns(
        contract_version=pl.col("site").replace_strict(versions, return_dtype=pl.String),
        readmitted_at=pl.lit(at),
        readmitted_by=pl.lit(by),
        date=pl.coalesce("ts", "received_at").dt.date(),
    )
    yield READMISSIONS.conform(told.select(READMISSIONS.schema.names).to_arrow())


def _missing(lake: TenantLake, spec: TableSpec, rows: pa.Table) -> pa.Table:
    """Rows that the table does not have yet, by their origin."""
    key = [name for name in _KEY if name in rows.column_names]
    frame = pl.DataFrame(rows)
    days, lanes = frame["date"].unique().to_list(), frame["lane"].unique().to_list()
    there = lake.scan(spec).filter(pl.col("date").is_in(days), pl.col("lane").is_in(lanes)).select(key).collect()
    return spec.conform(frame.join(there, on=key, how="anti").select(spec.schema.names).to_arrow())
