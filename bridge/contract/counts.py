"""The bridge's books: increments that travel upstream by hour, and totals by name that stay on site."""

from __future__ import annotations

import pyarrow as pa

from bridge.contract.plan import SeriesPlan
from bridge.driver import Series
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA, WITHHELD_SIGNAL

Line = list[int]
"""One number a column: of `COUNT_COLUMNS` upstream, of `LOCAL_COLUMNS` on site."""
HourKey = tuple[str, str, int]
"""(equipment, signal, start of the hour in microseconds)."""

LOCAL_COLUMNS = (*COUNT_COLUMNS, "redelivered")
"""The books that stay on site also tell how often a reading came again unchanged."""
READ, WITHHELD, CONTRACTED, SUPPRESSED, AGGREGATED, FORWARDED, WINDOWS, RULES, CONFLICTING, REDELIVERED = range(
    len(LOCAL_COLUMNS)
)
HOUR_US = 3_600_000_000


def hour_of(ts_us: int) -> int:
    """Start of the hour of a source time."""
    return ts_us - ts_us % HOUR_US


def tally(contracted: bool, fate: int) -> Line:
    """What one reading counts for."""
    line = [0] * len(LOCAL_COLUMNS)
    line[READ] = line[fate] = 1
    if contracted:
        line[CONTRACTED] = 1
    return line


def upstream_name(plan: SeriesPlan) -> Series:
    """(equipment, signal) as the platform may know it: withheld signals of a machine share the name `*`."""
    return plan.equipment_id, plan.signal if plan.contracted else WITHHELD_SIGNAL


class Counts:
    """Increments of one step: by hour for upstream, by name for the books that stay."""

    def __init__(self) -> None:
        self.upstream: dict[HourKey, Line] = {}
        self.local: dict[Series, Line] = {}

    def add_upstream(self, key: HourKey, line: Line) -> None:
        """Count a line for the platform."""
        merge(self.upstream, {key: line[: len(COUNT_COLUMNS)]})

    def add_local(self, series: Series, line: Line) -> None:
        """Count a line for this site."""
        known = self.local.get(series)
        self.local[series] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]

    def add(self, names: tuple[Series, Series], ts_us: int, column: int, more: int = 1) -> None:
        """Count one column under a name upstream and a name here, in the hour of a source time."""
        far, near = names
        line = [0] * len(LOCAL_COLUMNS)
        line[column] = more
        if column != REDELIVERED:
            self.add_upstream((*far, hour_of(ts_us)), line)
        self.add_local(near, line)


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
