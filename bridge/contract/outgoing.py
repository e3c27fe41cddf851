"""Forwarded readings as rows that leave: NaN and infinities become a null with the literal in words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bridge.block import named
from bridge.contract.columns import Bools, Columns
from core.contracts.quality import BAD
from core.contracts.reading import READING_SCHEMA


def _literal(value: float) -> str:
    return "nan" if value != value else "inf" if value > 0 else "-inf"


def no_rows() -> pa.RecordBatch:
    """A batch without a row."""
    return pa.RecordBatch.from_pylist([], schema=READING_SCHEMA)


def forwarded_rows(columns: Columns, forwarded: Bools) -> pa.RecordBatch:
    """The rows that leave as themselves, untouched unless their value is none that arithmetic knows."""
    literal = forwarded & columns.valid & ~np.isfinite(columns.value)
    batch = _with_literals(columns, literal) if literal.any() else columns.batch
    if not forwarded.all():
        batch = batch.filter(pa.array(forwarded))
    return _only_their_names(batch)


def _only_their_names(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows without the names of what stays: a dictionary leaves as a whole."""
    arrays = [
        named(column.indices.to_numpy(), column.dictionary) if isinstance(column, pa.DictionaryArray) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=READING_SCHEMA)


def _with_literals(columns: Columns, literal: Bools) -> pa.RecordBatch:
    batch = columns.batch
    texts = batch.column("text").to_pylist()
    qualities = batch.column("quality").to_numpy().copy()
    for row in np.flatnonzero(literal).tolist():
        texts[row] = _literal(float(columns.value[row]))
        qualities[row] = BAD
    arrays = {name: batch.column(name) for name in READING_SCHEMA.names}
    arrays["value"] = pa.array(columns.value, mask=literal | ~columns.valid)
    arrays["text"] = pa.array(texts, type=pa.string())
    arrays["quality"] = pa.array(qualities, type=pa.uint32())
    return pa.RecordBatch.from_arrays(list(arrays.values()), schema=READING_SCHEMA)
