"""From a chunk of batches to commits: quarantine and counts first, the main table last.

Every table carries its own transactions, so each commit is told apart from one that already happened: a crash between
two of them leaves the lake behind by whole tables, and the next plan writes exactly what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from core.contracts.lanes import REFUSED
from ingestion.sink.apart import single, whole
from ingestion.sink.assembly import Chunk
from ingestion.sink.batch import Batch
from ingestion.sink.checks import Reasons, TimeLimits, check_readings, check_times
from ingestion.sink.columns import microseconds, unite, unite_counts
from lake.spec import TableSpec
from lake.tables.bronze import BRIDGE_COUNTS, QUARANTINE, READINGS

Known = Mapping[tuple[str, str], int]
"""Last number each side table has of a lane, by (table, lane)."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of one table.

    Attributes:
        spec: the table.
        rows: what it gets.
        transactions: last number of each lane with it; they decide whether it has happened.
        offsets: what else it writes down under a name, and decides nothing.
    """

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
        Side tables only where they get rows; the main table always, be it empty. It also keeps the last number of each
        lane whose batch was refused, as `refused/<lane>`: that one comes to quarantine on another road, maybe later.
    """
    unusable = [batch for batch in chunk.batches if batch.reason is not None]
    commits = _counted(chunk.batches, known)
    newest = _newest(chunk.batches)
    if main is QUARANTINE:
        return [*commits, Commit(main, whole(unusable), newest, offsets)]
    rows, rejected, rejecting = _split(chunk.batches, main, known, limits)
    fresh = [batch for batch in unusable if _is_new(batch, QUARANTINE, known)]
    if rejecting or fresh:
        apart = pa.concat_tables([rejected, whole(fresh)])
        commits.insert(0, Commit(QUARANTINE, apart, _newest([*rejecting, *fresh])))
    marked = {f"{REFUSED}{one.lane}": one.seq for one in chunk.batches if one.header and one.header.tombstone}
    return [*commits, Commit(main, rows, newest, {**offsets, **marked})]


def _counted(batches: Sequence[Batch], known: Known) -> list[Commit]:
    """The bridges' books that ride in batches, those of rejected ones included: they also speak of other batches."""
    told = [one for one in batches if one.counts is not None and one.counts.num_rows]
    fresh = [one for one in told if _is_new(one, BRIDGE_COUNTS, known)]
    return [Commit(BRIDGE_COUNTS, unite_counts(fresh), _newest(fresh))] if fresh else []


def _newest(batches: Iterable[Batch]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches:
        found[batch.lane] = max(batch.seq, found.get(batch.lane, 0))
    return found


def _is_new(batch: Batch, spec: TableSpec, known: Known) -> bool:
    """True if the table does not have the batch yet."""
    return batch.seq > known.get((spec.full_name, batch.lane), -1)


def _split(
    batches: Sequence[Batch], main: TableSpec, known: Known, limits: TimeLimits
) -> tuple[pa.Table, pa.Table, list[Batch]]:
    """Rows for the main table; those for quarantine that it does not have yet, and the batches they are from."""
    full = [batch for batch in batches if batch.size]
    if not full:
        return main.schema.empty_table(), QUARANTINE.schema.empty_table(), []
    rows, received = unite(full)
    reasons = Reasons(rows.num_rows)
    check_times(microseconds(rows, "ts"), received, limits, reasons)
    if main is READINGS:
        check_readings(rows, reasons)
    rejected = reasons.rejected
    if not rejected.any():
        return rows, QUARANTINE.schema.empty_table(), []
    owner = np.repeat(np.arange(len(full)), [batch.size for batch in full])
    fresh = rejected & np.array([_is_new(batch, QUARANTINE, known) for batch in full])[owner]
    words = [word for word, one in zip(reasons.of_rejected(), fresh[rejected], strict=True) if one]
    apart = single(rows.filter(pa.array(fresh)), words)
    return rows.filter(pa.array(~rejected)), apart, [full[index] for index in np.unique(owner[fresh])]
