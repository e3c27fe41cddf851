"""The bridge's books: increments that travel upstream by hour, and totals by name that stay on site."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from bridge.driver import Series
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, WITHHELD_SIGNAL

Line = list[int]
"""One number a column of `COUNT_COLUMNS`."""
HourKey = tuple[str, str, int]
"""(equipment, signal, start of the hour in microseconds)."""

READ, WITHHELD, CONTRACTED, SUPPRESSED, AGGREGATED, FORWARDED, WINDOWS, RULES, REDELIVERED, CONFLICTING = range(
    len(COUNT_COLUMNS)
)
HOUR_US = 3_600_000_000


def hour_of(ts_us: int) -> int:
    """Start of the hour of a source time."""
    return ts_us - ts_us % HOUR_US


class Counts:
    """Increments of one step. Upstream, withheld signals of a machine share the line `*`."""

    def __init__(self) -> None:
        self.upstream: dict[HourKey, Line] = {}
        self.local: dict[Series, Line] = {}

    def add(self, equipment_id: str, signal: str, hour: int, increments: Iterable[tuple[int, int]], *, named: bool):
        """Count under a signal; with `named` false its name stays on site."""
        key = (equipment_id, signal if named else WITHHELD_SIGNAL, hour)
        far = self.upstream.get(key)
        if far is None:
            far = self.upstream[key] = [0] * len(COUNT_COLUMNS)
        series = (equipment_id, signal)
        near = self.local.get(series)
        if near is None:
            near = self.local[series] = [0] * len(COUNT_COLUMNS)
        for column, more in increments:
            far[column] += more
            near[column] += more


def merge(into: dict[HourKey, Line], more: dict[HourKey, Line]) -> None:
    """Add lines to lines, in place."""
    for key, line in more.items():
        known = into.get(key)
        into[key] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]


def to_arrow(site: str, lines: dict[HourKey, Line]) -> pa.RecordBatch:
    """Rows of `COUNTS_SCHEMA`."""
    name = pa.dictionary(pa.int32(), pa.string())
    keys = list(lines)
    columns = list(zip(*lines.values(), strict=True)) if lines else [()] * len(COUNT_COLUMNS)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([site] * len(keys), pa.string()).dictionary_encode().cast(name),
            pa.array([key[0] for key in keys], pa.string()).dictionary_encode().cast(name),
            pa.array([key[1] for key in keys], pa.string()).dictionary_encode().cast(name),
            pa.array([key[2] for key in keys], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            *(pa.array(column, pa.int64()) for column in columns),
        ],
        schema=COUNTS_SCHEMA,
    )
