"""What of a step's readings rules look at: good values, for each input of each watch those that are new to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.block import Bools, Floats, Ints
from bridge.contract.columns import Columns
from bridge.driver import Series
from bridge.rules.measure import firsts, lasts, shifted


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """Good, finite values by input, in the order they came, each newer than all before it.

    Attributes:
        input: place of the input among those of all watches; rising.
        row: place among all rows of the step.
        ts: source time in microseconds.
        value: never NaN.
    """

    input: npt.NDArray[np.intp]
    row: npt.NDArray[np.intp]
    ts: Ints
    value: Floats

    def of(self, inputs: slice) -> Fresh:
        """Those of neighbouring inputs."""
        return self.take(slice(*np.searchsorted(self.input, (inputs.start, inputs.stop)).tolist()))

    def take(self, which: Bools | slice) -> Fresh:
        """Some of them."""
        return Fresh(self.input[which], self.row[which], self.ts[which], self.value[which])


class Inputs:
    """Finds the inputs of all watches in a step.

    Args:
        series: for each input where it comes from; several may look at one.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = series
        self._known: tuple[Series, ...] | None = None
        self._place = np.empty(0, np.intp)

    def of(self, columns: Columns, newest: Ints) -> Fresh:
        """What is newer than `newest` of each input, which moves on."""
        if columns.series is not self._known:
            places = {series: place for place, series in enumerate(columns.series)}
            self._place = np.array([places.get(one, -1) for one in self._series], np.intp)
            self._known = columns.series
        usable = np.flatnonzero(columns.good & np.isfinite(columns.value))
        code = columns.code[usable]
        order = usable[np.argsort(code, kind="stable")]
        counts = np.append(np.bincount(code, minlength=len(columns.series)), 0)  # one more, for what did not come
        begins = np.cumsum(counts) - counts
        many = counts[self._place]
        found = np.repeat(np.arange(len(many)), many)
        within = np.arange(len(found)) - np.repeat(np.cumsum(many) - many, many)
        row = order[np.repeat(begins[self._place], many) + within]
        return _newer(Fresh(found, row, columns.ts[row], columns.value[row]), newest)


def _newer(fresh: Fresh, newest: Ints) -> Fresh:
    """Those newer than what was taken before; the newest are remembered."""
    first = firsts(fresh.input)
    before = shifted(fresh.ts)
    taken = newest[fresh.input]
    before[first] = taken[first]
    if (fresh.ts <= before).any():
        times, rank = np.unique(fresh.ts, return_inverse=True)
        highest = fresh.input * len(times) + rank
        earlier = shifted(np.maximum.accumulate(highest))
        fresh = fresh.take((fresh.ts > taken) & (first | (highest > earlier)))
        first = firsts(fresh.input)
    last = lasts(first)
    newest[fresh.input[last]] = fresh.ts[last]
    return fresh
