"""What rules hold against their limits: a value, its change a second, how long it is still, the score of a model.

Each function takes good values of all watches of a kind, watch by watch and in order, and moves `State` on. What
depends on nothing but the value before is one step over all rows; where each step depends on the one before it is one
plain loop over all rows, because then it rounds the same however the rows are cut into steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from bridge.block import Bools, Floats, Ints
from bridge.rules.memory import NEVER, State

_S = 1_000_000
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Measured moments, watch by watch, each watch's in order.

    Attributes:
        watch: place of the watch among those of its kind.
        ts: source time in microseconds, rising.
        value: of a good reading never NaN.
    """

    watch: npt.NDArray[np.intp]
    ts: Ints
    value: Floats

    def __len__(self) -> int:
        return len(self.watch)

    def take(self, which: Bools | slice) -> Rows:
        """Some of the rows."""
        return Rows(self.watch[which], self.ts[which], self.value[which])


def firsts(watch: npt.NDArray[np.intp]) -> Bools:
    """Where a watch's rows begin."""
    found = np.ones(len(watch), np.bool_)
    np.not_equal(watch[1:], watch[:-1], out=found[1:])
    return found


def lasts(first: Bools) -> Bools:
    """Where they end."""
    found = np.ones(len(first), np.bool_)
    found[:-1] = first[1:]
    return found


def shifted(column: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Each row the one before it; the first is any."""
    found = np.empty_like(column)
    found[1:] = column[:-1]
    return found


def rates(rows: Rows, state: State) -> Rows:
    """Change a second from one value to the next."""
    first = firsts(rows.watch)
    before_ts, before_value = shifted(rows.ts), shifted(rows.value)
    begins = rows.watch[first]
    before_ts[first], before_value[first] = state.anchor_ts[begins], state.anchor_value[begins]
    last = lasts(first)
    _anchor(state, rows.watch[last], rows.ts[last], rows.value[last])
    if (unknown := before_ts == NEVER).any():
        rows, before_ts, before_value = rows.take(~unknown), before_ts[~unknown], before_value[~unknown]
    return Rows(rows.watch, rows.ts, (rows.value - before_value) * _S / (rows.ts - before_ts))


def rates_over(rows: Rows, state: State, over: Ints) -> Rows:
    """Change a second from an anchor to the first value that is late enough, which is the next anchor."""
    times, values = state.anchor_ts.tolist(), state.anchor_value.tolist()
    spans = over.tolist()
    places: list[int] = []
    found: list[float] = []
    for place, (watch, ts, value) in enumerate(_each(rows)):
        since = times[watch]
        if since != NEVER:
            if ts < since + spans[watch]:
                continue
            places.append(place)
            found.append((value - values[watch]) * _S / (ts - since))
        times[watch], values[watch] = ts, value
    state.anchor_ts[:], state.anchor_value[:] = times, values
    return Rows(rows.watch[places], rows.ts[places], np.array(found, np.float64))


def still(rows: Rows, state: State) -> Rows:
    """Microseconds since the value was another one."""
    first = firsts(rows.watch)
    before = shifted(rows.value)
    since = state.anchor_ts[rows.watch]
    known = since != NEVER
    before[first] = np.where(known, state.anchor_value[rows.watch], rows.value)[first]
    changed = rows.value != before
    anchors = forward(np.where(changed | ~known, rows.ts, since), first | changed)
    last = lasts(first)
    _anchor(state, rows.watch[last], anchors[last], rows.value[last])
    return Rows(rows.watch, rows.ts, (rows.ts - anchors).astype(np.float64))


def still_within(rows: Rows, state: State, within: Floats) -> Rows:
    """Microseconds since the value left its distance from the one that began it."""
    times, values, distances = state.anchor_ts.tolist(), state.anchor_value.tolist(), within.tolist()
    found: list[int] = []
    for watch, ts, value in _each(rows):
        if times[watch] == NEVER or abs(value - values[watch]) > distances[watch]:
            times[watch], values[watch] = ts, value
        found.append(ts - times[watch])
    state.anchor_ts[:], state.anchor_value[:] = times, values
    return Rows(rows.watch, rows.ts, np.array(found, np.float64))


def averages(rows: Rows, state: State, begin: Floats, weight: Floats) -> Rows:
    """Exponentially weighted moving average; `begin` and `weight` by watch."""
    fresh = np.isnan(state.average)
    now, weights = np.where(fresh, begin, state.average).tolist(), weight.tolist()
    found: list[float] = []
    for watch, _, value in _each(rows):
        now[watch] += weights[watch] * (value - now[watch])
        found.append(now[watch])
    touched = np.unique(rows.watch)
    state.average[touched] = np.array(now)[touched]
    return Rows(rows.watch, rows.ts, np.array(found, np.float64))


def forward(column: npt.NDArray[Scalar], known: Bools) -> npt.NDArray[Scalar]:
    """Each row the newest known one up to it; before the first of all, the first row."""
    return column[np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))]


def _each(rows: Rows) -> zip[tuple[int, int, float]]:
    return zip(rows.watch.tolist(), rows.ts.tolist(), rows.value.tolist(), strict=True)


def _anchor(state: State, watches: npt.NDArray[np.intp], ts: Ints, value: Floats) -> None:
    state.anchor_ts[watches], state.anchor_value[watches] = ts, value
