"""From a chunk of batches to commits: quarantine and counts first, the main table last.

Every table carries its own transactions, so each commit is told apart from one that already happened: a crash between
two of them leaves the lake behind by whole tables, and the next plan writes exactly what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ingestion.sink.assembly import Chunk
from ingestion.sink.batch import Batch
from ingestion.sink.checks import Reasons, TimeLimits, check_readings, check_times
from ingestion.sink.columns import day_column, microseconds, received_day, unite, unite_counts
from lake.spec import TableSpec
from lake.tables.bronze import BRIDGE_COUNTS, EVENTS, GAPS, QUARANTINE, READINGS

_NAMED = {EVENTS.full_name: ("fault_code", "message"), GAPS.full_name: ("reason", "state")}
"""What stands in quarantine for signal and text."""
Known = Mapping[tuple[str, str], int]
"""Last number each side table has of a lane, by (table, lane)."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of one table."""

    spec: TableSpec
    rows: pa.Table
    transactions: dict[str, int]
    offsets: Mapping[str, int] = field(default_factory=dict[str, int])


def offset_id(log: str, topic: str, partition: int) -> str:
    """Name under which the main table keeps the resume offset of a partition; `log` is the log's own id."""
    return f"offset/{log}/{topic}/{partition}"


def plan(chunk: Chunk, main: TableSpec, known: Known, limits: TimeLimits, offsets: Mapping[str, int]) -> list[Commit]:
    """The commits a chunk needs, in order.

    Args:
        chunk: ready batches; none is in the main table yet.
        main: the topic's own table.
        known: what side tables have already; a lane that is not named has nothing there.
        limits: believable source times.
        offsets: resume offsets by name; they ride with the main table.

    Returns:
        Side tables only where they get rows; the main table always, be it empty.
    """
    if main is QUARANTINE:
        return [Commit(main, _whole(chunk.batches), _newest(chunk.batches), offsets)]
    rows, rejected = _split(chunk.batches, main, limits)
    unusable = [batch for batch in chunk.batches if batch.reason is not None]
    parts = [*rejected, _whole(unusable)]
    quarantine = _unknown(pa.concat_tables(parts), QUARANTINE, known)
    counted = [
        batch
        for batch in chunk.batches
        if batch.counts is not None
        and batch.counts.num_rows
        and batch.seq > known.get((BRIDGE_COUNTS.full_name, batch.lane), 0)
    ]
    commits: list[Commit] = []
    newest = _newest(chunk.batches)
    if quarantine.num_rows:
        lanes: set[str] = set(quarantine.column("lane").to_pylist())
        commits.append(Commit(QUARANTINE, quarantine, {lane: newest[lane] for lane in lanes}))
    if counted:
        lanes = {batch.lane for batch in counted}
        commits.append(Commit(BRIDGE_COUNTS, unite_counts(counted), {lane: newest[lane] for lane in lanes}))
    return [*commits, Commit(main, rows, newest, offsets)]


def _newest(batches: Iterable[Batch]) -> dict[str, int]:
    return {batch.lane: batch.seq for batch in batches}


def _unknown(rows: pa.Table, spec: TableSpec, known: Known) -> pa.Table:
    """Rows whose batch the table does not have yet."""
    lanes, numbers = rows.column("lane").to_pylist(), rows.column("seq").to_pylist()
    fresh = [seq > known.get((spec.full_name, lane), -1) for lane, seq in zip(lanes, numbers, strict=True)]
    return rows if all(fresh) else rows.filter(pa.array(fresh, pa.bool_()))


def _split(batches: Sequence[Batch], main: TableSpec, limits: TimeLimits) -> tuple[pa.Table, list[pa.Table]]:
    """Rows for the main table, and those for quarantine."""
    full = [batch for batch in batches if batch.size]
    if not full:
        return main.schema.empty_table(), []
    rows, received = unite(full)
    reasons = Reasons(rows.num_rows)
    check_times(microseconds(rows, "ts"), received, limits, reasons)
    if main is READINGS:
        check_readings(rows, reasons)
    rejected = reasons.rejected
    if not rejected.any():
        return rows, []
    bad = rows.filter(pa.array(rejected))
    return rows.filter(pa.array(~rejected)), [_records(bad, main, reasons.of_rejected())]


def _records(rows: pa.Table, main: TableSpec, reasons: Sequence[str]) -> pa.Table:
    """Single rows as quarantine keeps them; of an event its fault code and message, of a gap its reason and state."""
    count = rows.num_rows
    signal, text = _NAMED.get(main.full_name, ("signal", "text"))
    given = {
        "kind": pa.array(["record"] * count),
        "reason": pa.array(reasons),
        "signal": rows.column(signal),
        "text": rows.column(text),
        "rows": pa.array([1] * count),
        "date": day_column(microseconds(rows, "received_at")),
    }
    return QUARANTINE.conform(
        pa.table(
            {
                name: given[name] if name in given else _column(rows, name, kind)
                for name, kind in zip(QUARANTINE.schema.names, QUARANTINE.schema.types, strict=True)
            }
        )
    )


def _column(rows: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    return rows.column(name) if name in rows.column_names else pa.nulls(rows.num_rows, kind)


def _whole(batches: Sequence[Batch]) -> pa.Table:
    """Batches that are kept whole."""
    return pa.Table.from_pylist(
        [
            {
                "kind": "batch",
                "reason": batch.reason or "no reason was given",
                "lane": batch.lane.removeprefix("refused/"),
                "seq": batch.seq,
                "site": batch.header.site if batch.header else None,
                "payload": batch.payload,
                "rows": batch.header.rows if batch.header else 0,
                "contract_version": batch.header.contract_version if batch.header else None,
                "received_at": batch.received_at,
                "date": received_day(batch),
            }
            for batch in batches
        ],
        schema=QUARANTINE.schema,
    )
