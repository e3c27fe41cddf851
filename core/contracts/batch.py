"""One numbered batch: the header that says who, when and under which contract, and the payload nobody re-encodes.

Payload layout: unsigned 32-bit little-endian length of the first block, then two Arrow IPC streams compressed with
zstd: the rows (readings or events) and the counts of `COUNTS_SCHEMA`.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Self, cast

import pyarrow as pa
import pyarrow.compute as pc

from core.contracts.expansion import expanded_bytes
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, EVENT_SCHEMA, GAP_SCHEMA, READING_SCHEMA
from core.errors import TerminalError

_LENGTH = struct.Struct("<I")
_IPC = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)
"""A thousand rows are decoded before a second thread has woken up."""
_ROWS = (READING_SCHEMA, EVENT_SCHEMA, GAP_SCHEMA)
_CALENDAR_US = (-62_135_596_800_000_000, 253_402_300_800_000_000)
"""Years 1 to 9999: a time outside has no day that a partition could be named after."""
MOST_EXPANDED_BYTES = 64 << 20
"""Of one block once it is decompressed, and of its names once they are written out row by row."""
Headers = list[tuple[str, bytes]]


class MalformedBatchError(TerminalError):
    """The bytes of a batch do not decode to the schemas they claim."""


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """Everything about a batch that its bytes do not say.

    `tenant` and `received_at` are stamped by the gateway and empty before it. `rows` counts the rows block.
    `tombstone` marks the place of a refused batch so that no hole in `seq` blocks its lane.
    """

    bridge: str
    incarnation: str
    site: str
    lane: str
    seq: int
    rows: int
    contract_id: str
    contract_version: str
    contract_sha256: str
    payload_sha256: str
    tenant: str = ""
    received_at: str = ""
    tombstone: bool = False
    reason: str = ""

    def to_headers(self) -> Headers:
        """The header as record headers of the event log."""
        return [(name, json.dumps(getattr(self, name)).encode()) for name in _FIELDS]

    @classmethod
    def from_headers(cls, headers: Headers) -> Self:
        """Read record headers back.

        Raises:
            MalformedBatchError: a field is missing or unknown.
        """
        try:
            return cls(**{key: json.loads(value) for key, value in headers})
        except (TypeError, ValueError) as error:
            raise MalformedBatchError("record headers are not those of a batch", received=str(error)) from error


_FIELDS = tuple(field.name for field in fields(BatchHeader))


def digest(payload: bytes) -> str:
    """SHA-256 of a payload, in hexadecimal."""
    return hashlib.sha256(payload).hexdigest()


def encode_block(batch: pa.RecordBatch) -> bytes:
    """One Arrow IPC stream, zstd."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_IPC) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@cache
def _no_counts() -> bytes:
    """The block of a batch without counts, which need not be decoded to be known."""
    return encode_block(pa.RecordBatch.from_pylist([], schema=COUNTS_SCHEMA))


def _is_without_counts(block: memoryview) -> bool:
    return len(block) == len(_no_counts()) and bytes(block) == _no_counts()


def pack(rows: pa.RecordBatch, counts: pa.RecordBatch | None) -> bytes:
    """Payload of a batch; `counts` may be absent, the block then holds no row."""
    first = encode_block(rows)
    second = _no_counts() if counts is None else encode_block(counts)
    return b"".join((_LENGTH.pack(len(first)), first, second))


def join(payloads: Sequence[bytes]) -> bytes:
    """One payload of several of the same kind: their rows in order, and their counts added up line by line.

    Args:
        payloads: made by `pack` and unharmed since: they are not checked as those of others are.

    Raises:
        MalformedBatchError: one of them does not decode, they are of several kinds, or they are too large together.
    """
    blocks = [_blocks(payload) for payload in payloads]
    try:
        rows = pa.concat_tables([_read(block) for block, _ in blocks])
        if rows.nbytes > MOST_EXPANDED_BYTES // 2:
            raise MalformedBatchError("batches are too large to become one", received=rows.nbytes)
        counts = [_read(block) for _, block in blocks if not _is_without_counts(block)]
        return pack(_one_batch(rows), _added_up(pa.concat_tables(counts)) if counts else None)
    except (pa.ArrowInvalid, OSError) as error:
        raise MalformedBatchError("batches are not of one kind", received=str(error)[:200]) from error


def _added_up(counts: pa.Table) -> pa.RecordBatch:
    lines = [name for name in counts.schema.names if name not in COUNT_COLUMNS]
    plain = counts.cast(pa.schema([(f.name, _plain(f.type)) for f in counts.schema]))
    sums = plain.group_by(lines, use_threads=False).aggregate([(name, "sum") for name in COUNT_COLUMNS])
    return _one_batch(sums.rename_columns([*lines, *COUNT_COLUMNS]).select(counts.schema.names).cast(counts.schema))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    whole = table.unify_dictionaries().combine_chunks().to_batches()
    return whole[0] if whole else pa.RecordBatch.from_pylist([], schema=table.schema)


def _read(block: memoryview) -> pa.Table:
    return pa.ipc.open_stream(block, options=_READ).read_all()


def _table(block: memoryview) -> pa.Table:
    try:
        _require_bounded(expanded_bytes(block), "block expands")
        table = _read(block)
        table.validate(full=True)
        _require_bounded(_written_out(table), "names expand")
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError, IndexError, ValueError) as error:
        raise MalformedBatchError("block is not an Arrow IPC stream", received=str(error)[:200]) from error
    return table


def _require_bounded(size: int, what: str) -> None:
    if size > MOST_EXPANDED_BYTES:
        raise MalformedBatchError(f"{what} to {size:,} bytes", expected=f"at most {MOST_EXPANDED_BYTES:,} bytes")


def _written_out(table: pa.Table) -> int:
    """Bytes of the longest column of names with a name for each row, of those that may be too long; else 0."""
    longest = 0
    for column in (one for one in table.columns if pa.types.is_dictionary(one.type)):
        size = 0
        for chunk in column.chunks:
            if chunk.dictionary.nbytes * len(chunk) > MOST_EXPANDED_BYTES // 2:
                lengths = pc.call_function("binary_length", [chunk.dictionary])
                size += pc.call_function("sum", [lengths.take(chunk.indices).cast(pa.int64())]).as_py() or 0
        longest = max(longest, size)
    return longest


def _decode_block(block: memoryview, allowed: tuple[pa.Schema, ...]) -> pa.Table:
    table = _table(block)
    _check(table, allowed)
    return table


def _check(table: pa.Table, allowed: tuple[pa.Schema, ...]) -> None:
    if not any(table.schema.equals(schema) for schema in allowed):
        raise MalformedBatchError(
            "block has another schema",
            expected=" or ".join(str(schema.names) for schema in allowed),
            received=str(table.schema.names),
        )
    nulls = [f.name for f in table.schema if not f.nullable and table.column(f.name).null_count]
    if nulls:
        raise MalformedBatchError("null where none is allowed", where=", ".join(nulls))
    for name in (f.name for f in table.schema if pa.types.is_timestamp(f.type)):
        span = pc.call_function("min_max", [table.column(name).cast(pa.int64())]).as_py()
        if table.num_rows and not _CALENDAR_US[0] <= span["min"] <= span["max"] < _CALENDAR_US[1]:
            raise MalformedBatchError("time outside the years 1 to 9999", where=name)


def unpack(payload: bytes) -> tuple[pa.Table, pa.Table]:
    """Rows (`READING_SCHEMA`, `EVENT_SCHEMA` or `GAP_SCHEMA`) and counts of a payload.

    Raises:
        MalformedBatchError: the bytes are not such a payload.
    """
    rows, counts = _blocks(payload)
    found = _decode_block(rows, _ROWS)
    return found, COUNTS_SCHEMA.empty_table() if _is_without_counts(counts) else _decode_block(counts, (COUNTS_SCHEMA,))


def salvage(payload: bytes) -> tuple[pa.Table | None, pa.Table | None]:
    """Rows and counts of a payload that nobody takes, each as far as it can be read.

    Rows of a later version are read without the columns that are unknown here; a block that stays unreadable is None.
    """
    try:
        rows, counts = _blocks(payload)
    except MalformedBatchError:
        return None, None
    return _salvage_block(rows, _ROWS), _salvage_block(counts, (COUNTS_SCHEMA,))


def _salvage_block(block: memoryview, schemas: tuple[pa.Schema, ...]) -> pa.Table | None:
    try:
        found = _table(block)
        schema = next((one for one in schemas if set(one.names) <= set(found.schema.names)), None)
        if schema is None:
            return None
        known = found.select(schema.names).cast(schema)
        _check(known, (schema,))
    except (MalformedBatchError, pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
        # It cannot be read row by row: the caller keeps the bytes and counts it by its header.
        return None
    return known


def _blocks(payload: bytes) -> tuple[memoryview, memoryview]:
    view = memoryview(payload)
    if len(view) < _LENGTH.size:
        raise MalformedBatchError("payload is too short", expected="at least 4 bytes", received=len(view))
    (length,) = cast("tuple[int]", _LENGTH.unpack_from(view))
    if _LENGTH.size + length > len(view):
        raise MalformedBatchError("payload is cut off", expected=f"{length} bytes of rows", received=len(view))
    body = view[_LENGTH.size :]
    return body[:length], body[length:]
