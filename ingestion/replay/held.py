"""Rows of quarantine as the sink would have had them: with the columns of the table they were sent for. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from core.contracts.batch import BatchHeader
from core.contracts.lanes import Lane, LaneKind
from core.errors import InputError
from ingestion.gateway.check import STORED, RefusedBatchError, check_payload, reasons_of
from ingestion.gateway.promise import Promise
from ingestion.sink.batch import Batch
from ingestion.sink.checks import Reasons, TimeLimits, check_readings, check_times
from ingestion.sink.columns import day_column, microseconds, unite, unite_counts

_ORIGIN = ("lane", "seq", "row_no", "contract_version", "received_at")


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides today.

    Attributes:
        promises: of the contracts in force, by site.
        limits: believable source times.
        max_bytes: larger batches are refused.
    """

    promises: Mapping[str, Promise]
    limits: TimeLimits
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of one origin: a batch, or the single rows of one lane.

    Attributes:
        kind: what their lane carries.
        rows: under the columns of their bronze table; none where nothing can be read.
        reasons: why each may not come in today, in row order; None where it may.
        counts: the bridge's books of a batch that could not be read when it came.
        unread: lane and number of that batch.
        waiting: reason and number of rows that cannot be judged one by one.
    """

    kind: LaneKind
    rows: pa.Table
    reasons: list[str | None]
    counts: pa.Table | None = None
    unread: tuple[str, int] | None = None
    waiting: tuple[str, int] | None = None


def held(quarantine: pl.DataFrame, rules: Rules) -> Iterator[Held]:
    """Everything that stands in some rows of `bronze.quarantine`, judged by today's rules.

    Args:
        quarantine: whole batches with all their rows, and any single rows.
        rules: today's.
    """
    for group in quarantine.filter(pl.col("kind") == "batch").partition_by("lane", "seq", maintain_order=True):
        first = group.sort("row_no", nulls_last=False).row(0, named=True)
        yield _batch(first, group.height if first["row_no"] is not None else None, rules)
    for group in quarantine.filter(pl.col("kind") == "record").partition_by("lane", maintain_order=True):
        kind = _kind(group["lane"][0])
        if kind is not None:
            yield _judged(kind, _records(group, kind), str(group["site"][0]), rules)


def _kind(lane: str) -> LaneKind | None:
    try:
        return Lane.parse(lane.rsplit("/", 1)[-1]).kind
    except InputError:
        return None


def _batch(first: dict[str, Any], listed: int | None, rules: Rules) -> Held:
    kind = _kind(first["lane"])
    claimed = first["rows"] if listed is None else listed
    if kind is None or kind not in STORED or first["header"] is None:
        return Held(LaneKind.READINGS, pa.table({}), [], waiting=(first["reason"], claimed))
    header = BatchHeader(**json.loads(first["header"]))
    try:
        rows, counts = check_payload(header, kind, first["payload"], max_bytes=rules.max_bytes)
    except RefusedBatchError as error:
        return Held(kind, pa.table({}), [], waiting=(str(error), claimed))
    batch = Batch(0, 0, first["lane"], first["seq"], header, rows, counts)
    united = unite([batch])[0] if rows.num_rows else pa.table({})
    unread = (first["lane"], first["seq"]) if listed is None else None
    found = _judged(kind, united, header.site, rules, unread=unread)
    if unread is None:
        return found
    why = next((reason for reason in found.reasons if reason), None)
    if why is not None:  # nobody could tell its rows apart when it came, so they come in together
        return Held(kind, pa.table({}), [], waiting=(why, claimed))
    told = unite_counts([batch]) if counts.num_rows else None
    return Held(kind, united, found.reasons, told, unread)


def _judged(kind: LaneKind, rows: pa.Table, site: str, rules: Rules, unread: tuple[str, int] | None = None) -> Held:
    count = rows.num_rows
    promise = rules.promises.get(site)
    if promise is None:
        return Held(kind, pa.table({}), [], waiting=(f"no contract is in force for site {site!r}", max(count, 1)))
    if not count:
        return Held(kind, rows, [], unread=unread)
    by_value = Reasons(count)
    check_times(microseconds(rows, "ts"), microseconds(rows, "received_at"), rules.limits, by_value)
    if kind is LaneKind.READINGS:
        check_readings(rows, by_value)
    words = iter(by_value.of_rejected())
    values = [next(words) if wrong else None for wrong in by_value.rejected]
    names = reasons_of(kind, rows, site, promise)
    return Held(kind, rows, [one or two for one, two in zip(names, values, strict=True)], unread=unread)


def _records(group: pl.DataFrame, kind: LaneKind) -> pa.Table:
    """Single rows under the columns of their table: a reading's own, of others what was sent."""
    origin = group.select(_ORIGIN).to_arrow()
    schema = STORED[kind]
    if kind is LaneKind.READINGS:
        sent = group.select(schema.names).to_arrow()
    else:
        told = [json.loads(text) for text in group["original"]]
        plain = pa.schema([(f.name, pa.int64() if pa.types.is_timestamp(f.type) else _plain(f.type)) for f in schema])
        sent = pa.Table.from_pylist(told, schema=plain)
        for field in (one for one in schema if pa.types.is_timestamp(one.type)):
            times = sent.column(field.name).cast(field.type)
            sent = sent.set_column(sent.column_names.index(field.name), field.name, times)
    for name in _ORIGIN:
        sent = sent.append_column(name, origin.column(name))
    return sent.append_column("date", day_column(np.asarray(microseconds(sent, "ts"))))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind
