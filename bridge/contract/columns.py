"""A step's readings as columns, grouped by series: how frames become something fast to walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bridge.driver import Series
from core.contracts.reading import READING_SCHEMA

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_MOST_PAIRS = 4_096


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of one step in journal order.

    Attributes:
        batch: the rows as they were journaled, dictionaries united.
        series: the series that occur; the same object for as long as the same ones occur.
        code: for each row its place in `series`.
        ts: source time in microseconds.
        value: null is NaN here; `valid` tells the two apart.
        good: the severity bits say Good.
    """

    batch: pa.RecordBatch
    series: tuple[Series, ...]
    code: Ints
    ts: Ints
    value: Floats
    valid: Bools
    good: Bools


def unite(batches: Sequence[pa.RecordBatch], schema: pa.Schema = READING_SCHEMA) -> pa.RecordBatch:
    """One batch with one dictionary a column."""
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches, schema=schema).unify_dictionaries().combine_chunks()
    united = table.to_batches()
    return united[0] if united else pa.RecordBatch.from_pylist([], schema=schema)


def columns_of(batches: Sequence[pa.RecordBatch]) -> Columns:
    """Columns of one or more frames."""
    batch = unite(batches)
    equipment, signal = batch.column("equipment_id"), batch.column("signal")
    pair = equipment.indices.to_numpy().astype(np.int64) * len(signal.dictionary) + signal.indices.to_numpy()
    found, code = _distinct(pair, len(equipment.dictionary) * len(signal.dictionary))
    value = batch.column("value")
    quality = batch.column("quality").to_numpy()
    return Columns(
        batch=batch,
        series=_series(found.tobytes(), _written(equipment.dictionary), _written(signal.dictionary)),
        code=code,
        ts=batch.column("ts").view(pa.int64()).to_numpy(),
        value=value.to_numpy(zero_copy_only=False),
        valid=value.is_valid().to_numpy(zero_copy_only=False),
        good=(quality & np.uint32(0xC0000000)) == 0,
    )


def _distinct(pair: Ints, pairs: int) -> tuple[Ints, Ints]:
    """Those that occur, and for each row the place of its own; a few of so many need no sorting."""
    if pairs > _MOST_PAIRS + 8 * len(pair):
        found, code = np.unique(pair, return_inverse=True)
        return found, code.astype(np.int64)
    occurs = np.zeros(pairs, np.bool_)
    occurs[pair] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[pair]


def _written(names: pa.Array) -> bytes:
    """Names as bytes: the same names, the same bytes."""
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([names], names=["name"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@lru_cache(maxsize=8)
def _series(pairs: bytes, machines: bytes, signals: bytes) -> tuple[Series, ...]:
    """What the pairs of two dictionaries stand for. The signals of a plant come in the same frames all day."""
    names = [pa.ipc.open_stream(part).read_next_batch().column(0).to_pylist() for part in (machines, signals)]
    places = (divmod(one, len(names[1])) for one in np.frombuffer(pairs, np.int64).tolist())
    return tuple((names[0][machine], names[1][signal]) for machine, signal in places)
