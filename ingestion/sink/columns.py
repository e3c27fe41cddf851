"""From batches to bronze columns: many small tables become one large one, each row knowing where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.contracts.reading import to_us
from ingestion.sink.batch import Batch
from lake.spec import TIME

DAY_US = 86_400_000_000


def day_column(us: npt.NDArray[np.int64]) -> pa.Array:
    """UTC days of times in microseconds."""
    return pa.array(np.floor_divide(us, DAY_US).astype(np.int32)).cast(pa.date32())


def microseconds(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A time column as integers."""
    return table.column(name).cast(pa.int64()).to_numpy()


def unite(batches: Sequence[Batch]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Rows of all batches with `lane`, `seq`, `row_no`, `contract_version`, `received_at` and `date`.

    Args:
        batches: at least one, all with rows of one schema.

    Returns:
        The table, and `received_at` in microseconds.
    """
    sizes = np.array([batch.size for batch in batches])
    index = np.repeat(np.arange(len(batches)), sizes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    received = np.array([to_us(batch.received_at) for batch in batches], dtype=np.int64)[index]
    rows = pa.concat_tables([batch.rows for batch in batches])
    rows = rows.cast(pa.schema([field.with_type(_stored(field.type)) for field in rows.schema])).combine_chunks()
    columns = {
        "lane": _spread([batch.lane for batch in batches], index),
        "seq": pa.array(np.array([batch.seq for batch in batches], dtype=np.int64)[index]),
        "row_no": pa.array((np.arange(len(index)) - starts).astype(np.int32)),
        "contract_version": _spread([_contract_version(batch) for batch in batches], index),
        "received_at": pa.array(received).cast(TIME),
        "date": day_column(microseconds(rows, "ts")),
    }
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows, received


def unite_counts(batches: Sequence[Batch]) -> pa.Table:
    """Books of all batches with `lane`, `seq` and `date`; at least one batch, all with counts."""
    sizes = np.array([batch.counts.num_rows for batch in batches if batch.counts is not None])
    index = np.repeat(np.arange(len(batches)), sizes)
    rows = pa.concat_tables([batch.counts for batch in batches])
    rows = rows.append_column("lane", _spread([batch.lane for batch in batches], index))
    rows = rows.append_column("seq", pa.array(np.array([batch.seq for batch in batches], dtype=np.int64)[index]))
    return rows.append_column("date", day_column(microseconds(rows, "hour")))


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type the lake keeps: names as text, status codes signed."""
    if pa.types.is_dictionary(kind):
        return pa.string()
    return pa.int64() if pa.types.is_unsigned_integer(kind) else kind


def _spread(words: Sequence[str], index: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(index))


def _contract_version(batch: Batch) -> str:
    return batch.header.contract_version if batch.header else ""


def received_day(batch: Batch) -> date:
    """UTC day on which the gateway took a batch."""
    return batch.received_at.astimezone(UTC).date()
