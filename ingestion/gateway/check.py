"""Is this batch what it says, and may it leave its site? Pure functions on header, bytes and tables."""

from __future__ import annotations

from typing import Any, cast, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.contracts.batch import BatchHeader, MalformedBatchError, digest, unpack
from core.contracts.lanes import Lane, LaneKind
from core.contracts.reading import ALL_OF_SITE, EVENT_SCHEMA, GAP_SCHEMA, GAP_STATES, LINK_DOWN, READING_SCHEMA
from core.errors import InputError, TerminalError
from ingestion.gateway.promise import Names, Promise

STORED = {LaneKind.READINGS: READING_SCHEMA, LaneKind.FAULTS: EVENT_SCHEMA, LaneKind.STATUS: GAP_SCHEMA}
"""Kinds of lanes the lake has a table for, and the schema each carries."""
_STATES = {"raised", "cleared", "acknowledged"}
_NAMED = {
    LaneKind.READINGS: ("signal",),
    LaneKind.FAULTS: ("fault_code", "state"),
    LaneKind.STATUS: ("state", "reason"),
}
"""Columns of which, with the machine, it depends whether a row may leave."""
_FIELDS = get_type_hints(BatchHeader)


class RefusedBatchError(TerminalError):
    """This batch will never be taken; `what` is the reason that quarantine keeps."""


def check_header(header: BatchHeader, *, bridge: str, incarnation: str, site: str) -> LaneKind:
    """A header that can be acknowledged: from this bridge, on a lane, with a number.

    Raises:
        MalformedBatchError: it cannot; the connection makes no sense.
    """
    # It came as JSON, so its types are whatever was sent.
    if any(type(getattr(header, name)) is not kind for name, kind in _FIELDS.items()):
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
    rows, counts = check_payload(header, kind, payload, max_bytes=max_bytes)
    if promise is None:
        raise RefusedBatchError(f"contract {header.contract_sha256[:12]} is not registered for {header.site}")
    if (header.contract_id, header.contract_version) != (promise.contract_id, promise.contract_version):
        raise RefusedBatchError("contract id or version do not belong to the contract's SHA-256")
    _require_site(counts, header.site)
    wrong = [] if _is_plain(kind, rows, header.site, promise) else _wrong(kind, rows, header.site, promise)
    if wrong:
        raise RefusedBatchError(wrong[0] + (f", and {len(wrong) - 1} more like it" if len(wrong) > 1 else ""))
    _require_names(counts, promise.counted)


def check_payload(header: BatchHeader, kind: LaneKind, payload: bytes, *, max_bytes: int) -> tuple[pa.Table, pa.Table]:
    """Rows and counts of a batch that is what its header says, under whatever contract.

    Raises:
        RefusedBatchError: it is not, or it is oversized.
    """
    if kind not in STORED:
        raise RefusedBatchError(f"no table takes lanes of kind {kind.value}")
    if len(payload) > max_bytes:
        raise RefusedBatchError(f"batch of {len(payload)} bytes is larger than {max_bytes}")
    if digest(payload) != header.payload_sha256:
        raise RefusedBatchError("payload does not match its SHA-256")
    try:
        rows, counts = unpack(payload)
    except MalformedBatchError as error:
        raise RefusedBatchError(str(error)) from error
    if not rows.schema.equals(STORED[kind]):
        raise RefusedBatchError(f"rows are not those of a {kind.value} lane")
    if rows.num_rows != header.rows:
        raise RefusedBatchError(f"header says {header.rows} rows, payload has {rows.num_rows}")
    return rows, counts


def reasons_of(kind: LaneKind, rows: pa.Table, site: str, promise: Promise) -> list[str | None]:
    """Why each row may not leave a site under its contract, in row order; None where it may."""
    columns = [rows.column(name).cast(pa.string()).to_pylist() for name in _judged(kind)]
    by_name = [_reason(kind, key, site, promise) for key in zip(*columns, strict=True)]
    return [one or two for one, two in zip(by_name, _shapes(kind, rows), strict=True)]


def _is_plain(kind: LaneKind, rows: pa.Table, site: str, promise: Promise) -> bool:
    """True if these are readings that may leave, all of them, told by their dictionaries alone; False says nothing."""
    if kind is not LaneKind.READINGS:
        return False
    machines, signals = (_coded(rows, name) for name in ("equipment_id", "signal"))
    sites = _coded(rows, "site")
    if sites is None or machines is None or signals is None or sites[1] != [site]:
        return False
    width = len(signals[1])
    pairs = np.unique(machines[0].astype(np.int64) * width + signals[0])
    return all(
        signals[1][pair % width] in promise.signals.get(machines[1][pair // width], ()) for pair in pairs.tolist()
    )


def _coded(rows: pa.Table, name: str) -> tuple[Any, list[str]] | None:
    """Codes and words of a column; None if it is not in one piece."""
    column = rows.column(name)
    if column.num_chunks != 1:
        return None
    piece = cast("pa.DictionaryArray", column.chunk(0))
    return piece.indices.to_numpy(), piece.dictionary.to_pylist()


def _wrong(kind: LaneKind, rows: pa.Table, site: str, promise: Promise) -> list[str]:
    """Every reason for which rows may not leave, once."""
    reasons = [_reason(kind, key, site, promise) for key in _distinct(rows, *_judged(kind))]
    return [reason for reason in dict.fromkeys((*reasons, *_shapes(kind, rows))) if reason]


def _judged(kind: LaneKind) -> tuple[str, ...]:
    return ("site", "equipment_id", *_NAMED[kind])


def _shapes(kind: LaneKind, rows: pa.Table) -> list[str | None]:
    """What is wrong with a row whatever the contract says."""
    match kind:
        case LaneKind.FAULTS:
            severities = rows.column("severity").to_pylist()
            return [None if 0 <= one <= 100 else "event severity lies outside 0 to 100" for one in severities]
        case LaneKind.STATUS:
            ends = pc.call_function("less_equal", [rows.column("until"), rows.column("ts")]).to_pylist()
            return ["a gap ends before it begins" if one else None for one in ends]
        case _:
            return [None] * rows.num_rows


def _reason(kind: LaneKind, key: tuple[str | None, ...], site: str, promise: Promise) -> str | None:
    found, equipment_id, name, *state = key
    if found != site:
        return f"rows of site {found!r} from a bridge of {site!r}"
    allowed = promise.faults if kind is LaneKind.FAULTS else promise.signals
    of_site = kind is LaneKind.STATUS and (equipment_id, *state) == (ALL_OF_SITE, LINK_DOWN)
    if equipment_id not in allowed:
        return _gap_reason(name) if of_site else f"equipment {equipment_id!r} is not of this site"
    if kind is LaneKind.STATUS:
        return _gap_reason(name)
    if name not in allowed[equipment_id]:
        return f"{_NAMED[kind][0]} {name!r} of {equipment_id!r} is not in the contract"
    return f"event state {state[0]!r} is unknown" if state and state[0] not in _STATES else None


def _gap_reason(state: str | None) -> str | None:
    return None if state in GAP_STATES else f"gap state {state!r} is unknown"


def _distinct(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    """Distinct values of columns; dictionaries are decoded, so a null inside one shows."""
    if not table.num_rows:
        return []
    columns = {name: table.column(name).cast(pa.string()) for name in names}
    groups = pa.table(columns).group_by(list(names), use_threads=False).aggregate([])  # threads cost more than they do
    return list(zip(*(groups.column(name).to_pylist() for name in names), strict=True))


def _require_site(table: pa.Table, site: str) -> None:
    strangers = [found for (found,) in _distinct(table, "site") if found != site]
    if strangers:
        raise RefusedBatchError(f"rows of site {strangers[0]!r} from a bridge of {site!r}")


def _require_names(counts: pa.Table, allowed: Names) -> None:
    for equipment_id, name in _distinct(counts, "equipment_id", "signal"):
        if equipment_id not in allowed:
            raise RefusedBatchError(f"equipment {equipment_id!r} is not of this site")
        if name not in allowed[equipment_id]:
            raise RefusedBatchError(f"signal {name!r} of {equipment_id!r} is not in the contract")
