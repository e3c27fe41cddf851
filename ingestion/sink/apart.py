"""What the sink keeps apart, as rows of `bronze.quarantine`: single rows, and batches row by row as far as they can
be read. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import pyarrow as pa

from core.contracts.reading import EVENT_SCHEMA, GAP_SCHEMA, READING_SCHEMA
from ingestion.sink.batch import Batch
from ingestion.sink.columns import day_column, microseconds, received_day, unite
from lake.tables.bronze import QUARANTINE

_SENT = (READING_SCHEMA, EVENT_SCHEMA, GAP_SCHEMA)
_NAMED = {"fault_code": "message", "gap_id": "state"}
"""What stands in quarantine for the text of a row that has this column."""


def single(rows: pa.Table, reasons: Sequence[str]) -> pa.Table:
    """Rows rejected one by one, each with its reason."""
    return _rows(rows, "record", reasons)


def whole(batches: Iterable[Batch]) -> pa.Table:
    """Batches rejected whole, each with its reason; the first row of each keeps the bytes."""
    return pa.concat_tables([QUARANTINE.schema.empty_table(), *map(_one, batches)])


def _one(batch: Batch) -> pa.Table:
    reason = batch.reason or "no reason was given"
    sent = batch.salvaged
    if batch.header is None or sent is None or not sent.num_rows:
        return _unread(batch, reason, 0 if sent is not None else _claimed(batch))
    rows, _ = unite([replace(batch, rows=sent)])
    found = _rows(rows, "batch", [reason] * sent.num_rows, site=batch.header.site)
    payload = pa.array([batch.payload, *[None] * (sent.num_rows - 1)], pa.binary())
    header = pa.array([_header(batch), *[None] * (sent.num_rows - 1)], pa.string())
    for name, column in (("payload", payload), ("header", header)):
        found = found.set_column(found.schema.get_field_index(name), QUARANTINE.schema.field(name), column)
    return found


def _header(batch: Batch) -> str | None:
    return json.dumps(asdict(batch.header)) if batch.header else None


def _claimed(batch: Batch) -> int:
    """Rows of a batch that cannot be read: what its header says, or the one record it is."""
    return batch.header.rows if batch.header else 1


def _unread(batch: Batch, reason: str, rows: int) -> pa.Table:
    line = {
        "kind": "batch",
        "reason": reason,
        "lane": batch.lane,
        "seq": batch.seq,
        "site": batch.header.site if batch.header else None,
        "payload": batch.payload,
        "rows": rows,
        "contract_version": batch.header.contract_version if batch.header else None,
        "received_at": batch.received_at,
        "date": received_day(batch),
        "header": _header(batch),
    }
    return pa.Table.from_pylist([line], schema=QUARANTINE.schema)


def _rows(rows: pa.Table, kind: str, reasons: Sequence[str], site: str | None = None) -> pa.Table:
    """Rows under the table's columns; one of a foreign site stands under its bridge's, as sent in `original`."""
    count = rows.num_rows
    name = next((name for name in _NAMED if name in rows.column_names), None)
    given = {
        "kind": pa.array([kind] * count),
        "reason": pa.array(reasons, pa.string()),
        "rows": pa.array([1] * count),
        "date": day_column(microseconds(rows, "received_at")),
        "original": _original(rows, always=name is not None, site=site),
    }
    if name is not None:
        given["signal"] = rows.column("fault_code" if name == "fault_code" else "reason")
        given["text"] = rows.column(_NAMED[name])
    if site is not None:
        given["site"] = pa.array([site] * count)
    columns = {
        field.name: given[field.name] if field.name in given else _column(rows, field.name, field.type)
        for field in QUARANTINE.schema
    }
    return QUARANTINE.conform(pa.table(columns))


def _column(rows: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    # A gap's own reason is no reason for a rejection, and an event's state is not its text.
    return rows.column(name) if name in rows.column_names else pa.nulls(rows.num_rows, kind)


def _original(rows: pa.Table, *, always: bool, site: str | None) -> pa.Array:
    sent = next(schema.names for schema in _SENT if set(schema.names) <= set(rows.column_names))
    strange = [always or (site is not None and one != site) for one in rows.column("site").to_pylist()]
    if not any(strange):
        return pa.nulls(rows.num_rows, pa.string())
    plain = rows.select(sent)
    for name in (field.name for field in plain.schema if pa.types.is_timestamp(field.type)):
        plain = plain.set_column(plain.column_names.index(name), name, plain.column(name).cast(pa.int64()))
    texts = [json.dumps(row) if odd else None for row, odd in zip(plain.to_pylist(), strange, strict=True)]
    return pa.array(texts, pa.string())
