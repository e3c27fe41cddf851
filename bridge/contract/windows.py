"""Tumbling windows of source time: aligned to the epoch, left-closed, closed by the series' own newest reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from core.contracts.data_contract import Window
from core.contracts.quality import BAD_NO_DATA, CALCULATED
from core.contracts.reading import Sample

_EMPTY = BAD_NO_DATA | CALCULATED


@dataclass(slots=True)
class OpenWindow:
    """What a window has seen; only good, finite values enter the aggregates."""

    count: int = 0
    total: float = 0.0
    smallest: float = 0.0
    largest: float = 0.0
    last: float = 0.0
    last_ts: int = 0

    def add(self, ts_us: int, value: float) -> None:
        """Take a good value; of two at one time the later to come is the last."""
        if self.count == 0:
            self.smallest = self.largest = self.last = value
            self.last_ts = ts_us
        elif ts_us >= self.last_ts:
            self.last, self.last_ts = value, ts_us
        self.smallest = min(self.smallest, value)
        self.largest = max(self.largest, value)
        self.total += value
        self.count += 1

    def written(self) -> tuple[int, float, float, float, float, int]:
        """All fields, in the order of the constructor."""
        return self.count, self.total, self.smallest, self.largest, self.last, self.last_ts

    def result(self, aggregate: str) -> float | None:
        """One aggregate; null if there was no good value."""
        if aggregate == "count":
            return float(self.count)
        if self.count == 0:
            return None
        match aggregate:
            case "mean":
                return self.total / self.count
            case "min":
                return self.smallest
            case "max":
                return self.largest
            case _:
                return self.last


@dataclass(slots=True)
class WindowState:
    """Open windows of one signal and one length, by start; `newest` is the watermark, None before any reading."""

    newest: int | None = None
    open: dict[int, OpenWindow] = field(default_factory=dict[int, OpenWindow])


def enter(
    every_us: int, lateness_us: int, state: WindowState, ts_us: int, value: float | None
) -> tuple[bool, list[tuple[int, OpenWindow]]]:
    """Move the watermark and let one reading in; `value` is None unless it is good and finite.

    Returns:
        Whether the reading entered, and the windows that it closed, oldest first.
    """
    closed: list[tuple[int, OpenWindow]] = []
    if state.newest is None or ts_us > state.newest:
        state.newest = ts_us
        ripe = ts_us - every_us - lateness_us
        if state.open and min(state.open) <= ripe:
            closed = [(start, state.open.pop(start)) for start in sorted(state.open) if start <= ripe]
    start = ts_us - ts_us % every_us
    if start + every_us + lateness_us <= state.newest:
        return False, closed
    box = state.open.get(start)
    if box is None:
        box = state.open[start] = OpenWindow()
    if value is not None:
        box.add(ts_us, value)
    return True, closed


def rows_of(equipment_id: str, signal: str, window: Window, start_us: int, box: OpenWindow) -> Iterator[Sample]:
    """The readings a closed window leaves as, one an aggregate."""
    for aggregate in window.aggregates:
        value = box.result(aggregate)
        quality = CALCULATED if box.count or aggregate == "count" else _EMPTY
        yield Sample(equipment_id, window.signal_of(signal, aggregate), start_us, value, None, quality)
