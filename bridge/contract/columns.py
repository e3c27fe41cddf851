"""A step's readings as columns, grouped by series: how frames become something fast to walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bridge.driver import Series
from core.contracts.reading import READING_SCHEMA

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one step in journal order.

    Attributes:
        batch: the rows as they were journaled, dictionaries united.
        series: the series that occur.
        code: for each row its place in `series`.
        ts: source time in microseconds.
        value: null is NaN here; `valid` tells the two apart.
        good: the severity bits say Good.
    """

    batch: pa.RecordBatch
    series: list[Series]
    code: Ints
    ts: Ints
    value: Floats
    valid: Bools
    good: Bools


def unite(batches: Sequence[pa.RecordBatch], schema: pa.Schema = READING_SCHEMA) -> pa.RecordBatch:
    """One batch with one dictionary a column."""
    table = pa.Table.from_batches(batches, schema=schema).unify_dictionaries().combine_chunks()
    united = table.to_batches()
    return united[0] if united else pa.RecordBatch.from_pylist([], schema=schema)


def columns_of(batches: Sequence[pa.RecordBatch]) -> Columns:
    """Columns of one or more frames."""
    batch = unite(batches)
    equipment, signal = batch.column("equipment_id"), batch.column("signal")
    signals = signal.dictionary.to_pylist()
    machines = equipment.dictionary.to_pylist()
    pair = equipment.indices.to_numpy().astype(np.int64) * max(len(signals), 1) + signal.indices.to_numpy()
    found, code = np.unique(pair, return_inverse=True)
    value = batch.column("value")
    quality = batch.column("quality").to_numpy()
    return Columns(
        batch=batch,
        series=[(machines[one // len(signals)], signals[one % len(signals)]) for one in found.tolist()],
        code=code.astype(np.int64),
        ts=batch.column("ts").cast(pa.int64()).to_numpy(),
        value=value.to_numpy(zero_copy_only=False),
        valid=value.is_valid().to_numpy(zero_copy_only=False),
        good=(quality & np.uint32(0xC0000000)) == 0,
    )
