"""Is this batch what it says, and may it leave its site? Pure functions on header, bytes and tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc

from core.contracts.batch import BatchHeader, MalformedBatchError, digest, unpack
from core.contracts.lanes import Lane, LaneKind
from core.contracts.reading import EVENT_SCHEMA, GAP_SCHEMA, GAP_STATES, READING_SCHEMA
from core.errors import InputError, TerminalError
from ingestion.gateway.promise import Names, Promise

STORED = {LaneKind.READINGS: READING_SCHEMA, LaneKind.FAULTS: EVENT_SCHEMA, LaneKind.STATUS: GAP_SCHEMA}
"""Kinds of lanes the lake has a table for, and the schema each carries."""
_STATES = {"raised", "cleared", "acknowledged"}


class RefusedBatchError(TerminalError):
    """This batch will never be taken; `what` is the reason that quarantine keeps."""


def check_header(header: BatchHeader, *, bridge: str, incarnation: str, site: str) -> LaneKind:
    """A header that can be acknowledged: from this bridge, on a lane, with a number.

    Raises:
        MalformedBatchError: it cannot; the connection makes no sense.
    """
    fields = asdict(header)  # it came as JSON, so its types are whatever was sent
    if any(type(fields[name]) is not kind for name, kind in get_type_hints(BatchHeader).items()):
        raise MalformedBatchError("header has fields of other types", received=str(header)[:200])
    if (header.bridge, header.incarnation, header.site) != (bridge, incarnation, site):
        raise MalformedBatchError(
            "header is of another bridge",
            expected=f"{bridge}, {incarnation}, {site}",
            received=f"{header.bridge}, {header.incarnation}, {header.site}",
        )
    if header.seq < 1 or header.rows < 0 or header.tombstone:
        raise MalformedBatchError("header is not that of a batch", received=str(header)[:200])
    try:
        return Lane.parse(header.lane).kind
    except InputError as error:
        raise MalformedBatchError("header names no lane", received=header.lane) from error


def check_batch(
    header: BatchHeader, kind: LaneKind, payload: bytes, promise: Promise | None, *, max_bytes: int
) -> None:
    """A batch the platform takes.

    Args:
        header: checked by `check_header`.
        kind: what its lane carries.
        payload: its bytes.
        promise: of the contract the header names; None if the platform does not know it.
        max_bytes: larger payloads are refused.

    Raises:
        RefusedBatchError: malformed, oversized or uncontracted.
    """
    if kind not in STORED:
        raise RefusedBatchError(f"no table takes lanes of kind {kind.value}")
    if len(payload) > max_bytes:
        raise RefusedBatchError(f"batch of {len(payload)} bytes is larger than {max_bytes}")
    if digest(payload) != header.payload_sha256:
        raise RefusedBatchError("payload does not match its SHA-256")
    if promise is None:
        raise RefusedBatchError(f"contract {header.contract_sha256[:12]} is not registered for {header.site}")
    if (header.contract_id, header.contract_version) != (promise.contract_id, promise.contract_version):
        raise RefusedBatchError("contract id or version do not belong to the contract's SHA-256")
    try:
        rows, counts = unpack(payload)
    except MalformedBatchError as error:
        raise RefusedBatchError(str(error)) from error
    if not rows.schema.equals(STORED[kind]):
        raise RefusedBatchError(f"rows are not those of a {kind.value} lane")
    if rows.num_rows != header.rows:
        raise RefusedBatchError(f"header says {header.rows} rows, payload has {rows.num_rows}")
    _require_site(rows, header.site)
    _require_site(counts, header.site)
    match kind:
        case LaneKind.READINGS:
            _require_names(rows, "signal", promise.signals)
        case LaneKind.FAULTS:
            _require_names(rows, "fault_code", promise.faults)
            _require_events(rows)
        case _:
            _require_gaps(rows, promise.signals)
    _require_names(counts, "signal", promise.counted)


def _distinct(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """Distinct values of columns; dictionaries are decoded, so a null inside one shows."""
    columns = {name: table.column(name).cast(pa.string()) for name in names}
    groups = pa.table(columns).group_by(list(names)).aggregate([])
    return list(zip(*(groups.column(name).to_pylist() for name in names), strict=True))


def _require_site(table: pa.Table, site: str) -> None:
    strangers = [found for (found,) in _distinct(table, "site") if found != site]
    if strangers:
        raise RefusedBatchError(f"rows of site {strangers[0]!r} from a bridge of {site!r}")


def _require_names(table: pa.Table, column: str, allowed: Names) -> None:
    for equipment_id, name in _distinct(table, "equipment_id", column):
        if equipment_id not in allowed:
            raise RefusedBatchError(f"equipment {equipment_id!r} is not of this site")
        if name not in allowed[equipment_id]:
            raise RefusedBatchError(f"{column} {name!r} of {equipment_id!r} is not in the contract")


def _require_gaps(rows: pa.Table, machines: Names) -> None:
    for equipment_id, state in _distinct(rows, "equipment_id", "state"):
        if equipment_id not in machines:
            raise RefusedBatchError(f"equipment {equipment_id!r} is not of this site")
        if state not in GAP_STATES:
            raise RefusedBatchError(f"gap state {state!r} is unknown")
    if pc.call_function("any", [pc.call_function("less_equal", [rows.column("until"), rows.column("ts")])]).as_py():
        raise RefusedBatchError("a gap ends before it begins")


def _require_events(rows: pa.Table) -> None:
    odd = {found for (found,) in _distinct(rows, "state")} - _STATES
    if odd:
        raise RefusedBatchError(f"event state {sorted(map(str, odd))[0]!r} is unknown")
    span = pc.call_function("min_max", [rows.column("severity")]).as_py()
    if rows.num_rows and (span["min"] < 0 or span["max"] > 100):
        raise RefusedBatchError("event severity lies outside 0 to 100")
