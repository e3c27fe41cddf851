"""Tumbling windows of source time: aligned to the epoch, left-closed, closed by the series' own newest reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.contract import holding
from core.contracts.data_contract import TIME_WEIGHTED_MEAN, Window
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
    area: float = 0.0
    held_us: int = 0

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

    def hold(self, span_us: int, value: float) -> None:
        """Take time that a value held; its share of the area under the curve."""
        self.area += value * span_us
        self.held_us += span_us

    def written(self) -> tuple[int, float, float, float, float, int, float, int]:
        """All fields, in the order of the constructor."""
        return (
            self.count, self.total, self.smallest, self.largest, self.last, self.last_ts, self.area, self.held_us
        )  # fmt: skip

    def result(self, aggregate: str) -> float | None:
        """One aggregate; null if there was no good value."""
        if aggregate == "count":
            return float(self.count)
        if aggregate == TIME_WEIGHTED_MEAN:
            return self.area / self.held_us if self.held_us else None
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
    """Open windows of one signal and one length, by start; `newest` is the watermark, None before any reading.

    `points` are the readings whose time is not given to windows yet; without a time-weighted mean there are none.
    """

    newest: int | None = None
    open: dict[int, OpenWindow] = field(default_factory=dict[int, OpenWindow])
    points: list[holding.Point] = field(default_factory=list[holding.Point])


def enter(
    every_us: int, lateness_us: int, state: WindowState, ts_us: int, value: float | None, *, timed: bool = False
) -> tuple[bool, list[tuple[int, OpenWindow]]]:
    """Move the watermark and let one reading in; `value` is None unless it is good and finite.

    Args:
        every_us: length of the windows.
        lateness_us: how long they stay open behind the watermark.
        state: moves on in place.
        ts_us: source time of the reading.
        value: its value.
        timed: whether a time-weighted mean is asked for.

    Returns:
        Whether the reading entered, and the windows that it closed, oldest first.
    """
    closed: list[tuple[int, OpenWindow]] = []
    if state.newest is None or ts_us > state.newest:
        state.newest = ts_us
        ripe = ts_us - every_us - lateness_us
        if state.open and min(state.open) <= ripe:
            closed = [(start, state.open.pop(start)) for start in sorted(state.open) if start <= ripe]
            for start, box in closed:
                holding.finish(state.points, start, start + every_us, box)
    start = ts_us - ts_us % every_us
    if start + every_us + lateness_us <= state.newest:
        return False, closed
    box = state.open.get(start)
    if box is None:
        box = state.open[start] = OpenWindow()
    if value is not None:
        box.add(ts_us, value)
    if timed and ts_us >= state.newest - lateness_us:
        holding.insert(state.points, (ts_us, value))
        holding.settle(state.points, every_us, state.open, state.newest - lateness_us)
    return True, closed


def rows_of(equipment_id: str, signal: str, window: Window, start_us: int, box: OpenWindow) -> Iterator[Sample]:
    """The readings a closed window leaves as, one an aggregate."""
    for aggregate in window.aggregates:
        value = box.result(aggregate)
        quality = _EMPTY if value is None else CALCULATED
        yield Sample(equipment_id, window.signal_of(signal, aggregate), start_us, value, None, quality)
