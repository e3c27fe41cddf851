"""The bridge's books as they stand, read beside the running bridge."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bridge.contract.counts import LOCAL_COLUMNS
from bridge.driver import Series
from bridge.gaps import Gap
from bridge.journal import recorded_gaps
from bridge.ledger import ledger_lines
from bridge.outbox import backlog
from bridge.store import get_meta, read_only


@dataclass(frozen=True, slots=True)
class Line:
    """What was counted under one signal, or in total; the terms of the books and two observations."""

    read: int
    withheld: int
    contracted: int
    suppressed: int
    aggregated: int
    forwarded: int
    windows: int
    rules: int
    conflicting: int
    redelivered: int


@dataclass(frozen=True, slots=True)
class BridgeBooks:
    """Books of one bridge.

    Attributes:
        incarnation: identity of the outbox.
        totals: over all signals.
        by_signal: by (equipment, signal), withheld ones by name; windows and rules under their own names.
        sent: rows, readings and events, ever put into the outbox.
        unacknowledged_batches: batches the log does not have yet.
        unacknowledged_rows: their rows.
        outbox_bytes: their size.
        journal_rows: readings kept on site, sealed ones included.
        journal_frames: frames not yet sealed.
        historian_bytes: size of the sealed files.
        engine_lag: frames the contract has not seen yet.
        gaps: source time nobody read.
    """

    incarnation: str
    totals: Line
    by_signal: dict[Series, Line]
    sent: int
    unacknowledged_batches: int
    unacknowledged_rows: int
    outbox_bytes: int
    journal_rows: int
    journal_frames: int
    historian_bytes: int
    engine_lag: int
    gaps: tuple[Gap, ...]


def read_books(home: Path) -> BridgeBooks:
    """Read the books of a bridge in one consistent view.

    Raises:
        InputError: no bridge ever ran on this folder.
    """
    connection = read_only(home)
    try:
        connection.execute("begin")
        return _read(connection)
    finally:
        connection.close()


def _read(connection: sqlite3.Connection) -> BridgeBooks:
    lines = {name: Line(*line) for name, line in ledger_lines(connection).items()}
    totals = Line(*(sum(getattr(line, name) for line in lines.values()) for name in LOCAL_COLUMNS))
    frames, rows, last = connection.execute(
        "select count(*), coalesce(sum(rows), 0), coalesce(max(id), 0) from frames"
    ).fetchone()
    sealed, size, sealed_to = connection.execute(
        "select coalesce(sum(rows), 0), coalesce(sum(bytes), 0), coalesce(max(last_frame), 0) from segments"
    ).fetchone()
    waits = backlog(connection)
    return BridgeBooks(
        incarnation=get_meta(connection, "incarnation"),
        totals=totals,
        by_signal=lines,
        sent=int(get_meta(connection, "sent_readings", "0")) + int(get_meta(connection, "sent_events", "0")),
        unacknowledged_batches=waits.batches,
        unacknowledged_rows=waits.rows,
        outbox_bytes=waits.bytes,
        journal_rows=rows + sealed,
        journal_frames=frames,
        historian_bytes=size,
        engine_lag=max(max(last, sealed_to) - int(get_meta(connection, "checkpoint", "0")), 0),
        gaps=tuple(recorded_gaps(connection)),
    )
