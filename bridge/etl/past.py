"""The historian as a source: one row a source time, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from bridge.etl.form import History
from bridge.etl.frame import Frame
from bridge.historian import query, span
from core.contracts.duration import parse_duration
from core.contracts.quality import is_good
from core.contracts.reading import to_datetime

_MOST_WINDOWS = 10_000
"""Of one run; the next run goes on."""


def history_inputs(source: History, home: Path, cursor: str | None) -> Iterator[tuple[str, str, Frame]]:
    """(name, cursor behind it, rows) of every complete window behind the cursor that holds readings.

    Without a cursor it begins with the first reading there is.
    """
    every = _us(source.window)
    late = _us(source.lateness) if source.lateness else 0
    known = span(home, source.equipment, source.signals, int(cursor or 0))
    if known is None:
        return
    start, newest = known[0] - known[0] % every, known[1]
    for _ in range(_MOST_WINDOWS):
        end = start + every
        if end + late > newest:
            return
        frame = _read(source, home, start, end)
        if frame.table.num_rows:
            yield f"{source.equipment} {to_datetime(start).isoformat()}/{source.window}", str(end), frame
            start = end
            continue
        later = span(home, source.equipment, source.signals, end)
        if later is None:
            return
        start = later[0] - later[0] % every


def _us(text: str) -> int:
    return parse_duration(text) // timedelta(microseconds=1)


def _read(source: History, home: Path, start: int, end: int) -> Frame:
    """Columns `ts`, `equipment_id` and one a signal; a value that is not good is null."""
    rows: dict[datetime, dict[str, float | str | None]] = {}
    for signal in source.signals:
        found = query(home, source.equipment, signal, to_datetime(start), to_datetime(end))
        for row in found.to_pylist():
            value = row["text"] if row["value"] is None else row["value"]
            rows.setdefault(row["ts"], {})[signal] = value if is_good(row["quality"]) else None
    times = sorted(rows)
    columns: dict[str, pa.Array] = {
        "ts": pa.array(times, pa.timestamp("us", tz="UTC")),
        "equipment_id": pa.array([source.equipment] * len(times), pa.string()),
    }
    for signal in source.signals:
        values = [rows[time].get(signal) for time in times]
        texts = any(isinstance(value, str) for value in values)
        kind = pa.string() if texts else pa.float64()
        columns[signal] = pa.array([str(v) if texts and v is not None else v for v in values], kind)
    return Frame.of(pa.table(columns))
