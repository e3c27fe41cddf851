"""The bridge's books: increments that travel upstream by hour, and totals by name that stay on site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bridge.block import Codes, Ints, Legend
from bridge.driver import Series
from core.contracts.reading import COUNT_COLUMNS, COUNTS_SCHEMA

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


@dataclass(frozen=True, slots=True, eq=False)
class Tallied:
    """What a step's readings count for, a row of a matrix for every name.

    Attributes:
        near: names as they are called here.
        totals: for each of them a line of `LOCAL_COLUMNS`.
        names: names as they are called upstream.
        far: codes of some of them; with its hour each occurs once.
        hours: for each of them the start of an hour in microseconds.
        lines: for each of them a line of `COUNT_COLUMNS`.
    """

    near: Sequence[Series]
    totals: Ints
    names: Legend
    far: Codes
    hours: Ints
    lines: Ints


class Counts:
    """Increments of one step: by hour for upstream, by name for the books that stay."""

    def __init__(self) -> None:
        self._upstream: dict[HourKey, Line] = {}
        self._local: dict[Series, Line] = {}
        self._tallied: Tallied | None = None

    def take(self, tallied: Tallied) -> None:
        """Count all readings of the step; once."""
        self._tallied = tallied

    def add(self, names: tuple[Series, Series], ts_us: int, column: int, more: int = 1) -> None:
        """Count one column under a name upstream and a name here, in the hour of a source time."""
        far, near = names
        line = [0] * len(LOCAL_COLUMNS)
        line[column] = more
        if column != REDELIVERED:
            merge(self._upstream, {(*far, hour_of(ts_us)): line[: len(COUNT_COLUMNS)]})
        known = self._local.get(near)
        self._local[near] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]

    @property
    def upstream(self) -> dict[HourKey, Line]:
        """Everything for the platform, line by line."""
        found: dict[HourKey, Line] = {}
        if self._tallied is not None:
            one = self._tallied
            pairs = zip(one.far.tolist(), one.hours.tolist(), one.lines.tolist(), strict=True)
            found = {(*one.names.series[code], hour): line for code, hour, line in pairs}
        merge(found, self._upstream)
        return found

    @property
    def local(self) -> dict[Series, Line]:
        """Everything for this site, line by line."""
        found: dict[Series, Line] = {}
        names, lines = self.by_signal()
        for name, line in zip(names, lines.tolist(), strict=True):
            known = found.get(name)
            found[name] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]
        return found

    def by_signal(self) -> tuple[Sequence[Series], Ints]:
        """Everything for this site: names, of which one may occur twice, and a line for each."""
        if self._tallied is not None and not self._local:
            return self._tallied.near, self._tallied.totals
        names, lines = list(self._local), np.array(list(self._local.values()), np.int64)
        lines = lines.reshape(len(names), len(LOCAL_COLUMNS))
        if self._tallied is None:
            return names, lines
        return [*self._tallied.near, *names], np.concatenate((self._tallied.totals, lines))

    def to_arrow(self, site: str, pending: dict[HourKey, Line]) -> pa.RecordBatch | None:
        """Rows of `COUNTS_SCHEMA` of this step and of what waits since earlier ones; None if there is nothing."""
        if self._tallied is not None and not pending and not self._upstream:
            one = self._tallied
            return _to_arrow(site, one.names, one.far, one.hours, one.lines)
        together = dict(pending)
        merge(together, self.upstream)
        return to_arrow(site, together) if together else None


def merge(into: dict[HourKey, Line], more: dict[HourKey, Line]) -> None:
    """Add lines to lines, in place."""
    for key, line in more.items():
        known = into.get(key)
        into[key] = line if known is None else [a + b for a, b in zip(known, line, strict=True)]


def to_arrow(site: str, lines: dict[HourKey, Line]) -> pa.RecordBatch:
    """Rows of `COUNTS_SCHEMA`."""
    names = Legend(dict.fromkeys((key[0], key[1]) for key in lines))
    codes = {name: code for code, name in enumerate(names.series)}
    far = np.array([codes[key[0], key[1]] for key in lines], np.int32)
    hours = np.array([key[2] for key in lines], np.int64)
    return _to_arrow(site, names, far, hours, np.array(list(lines.values()), np.int64).reshape(-1, len(COUNT_COLUMNS)))


def _to_arrow(site: str, names: Legend, far: Codes, hours: Ints, lines: Ints) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            *names.columns(site, far),
            pa.array(hours).cast(pa.timestamp("us", tz="UTC")),
            *(pa.array(column) for column in np.ascontiguousarray(lines.T)),
        ],
        schema=COUNTS_SCHEMA,
    )
