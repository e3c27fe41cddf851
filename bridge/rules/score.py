"""Models of one kind at once: the parameters of each watch in a column, numpy alone does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.block import Floats, Ints
from bridge.rules.measure import Rows, averages, firsts, lasts, shifted
from bridge.rules.memory import State
from bridge.rules.model import Ewma, Pca, RobustZ

_MAD_TO_SIGMA = 1.4826
"""Of a normal distribution."""


class RobustZScores:
    """Distance from a median in deviations; remembers nothing."""

    def __init__(self, models: Sequence[RobustZ]) -> None:
        self._median = np.array([one.median for one in models])
        self._sigma = np.array([one.mad * _MAD_TO_SIGMA for one in models])

    def __call__(self, rows: Rows) -> Rows:
        """Score of every row."""
        scores = np.abs(rows.value - self._median[rows.watch]) / self._sigma[rows.watch]
        return Rows(rows.watch, rows.ts, scores)


class EwmaScores:
    """Distance of a moving average from its mean, in its own standard deviations."""

    def __init__(self, models: Sequence[Ewma]) -> None:
        self._mean = np.array([one.mean for one in models])
        self._weight = np.array([one.weight for one in models])
        self._sigma = np.array([one.sigma for one in models]) * np.sqrt(self._weight / (2 - self._weight))

    def __call__(self, rows: Rows, state: State) -> Rows:
        """Score of every row in order; the averages move on."""
        found = averages(rows, state, self._mean, self._weight)
        scores = np.abs(found.value - self._mean[rows.watch]) / self._sigma[rows.watch]
        return Rows(rows.watch, rows.ts, scores)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """New values of watches that look at several signals.

    Attributes:
        watch: place of the watch.
        signal: which of its signals.
        row: place among all rows of the step.
        ts: source time in microseconds.
        value: never NaN.
    """

    watch: npt.NDArray[np.intp]
    signal: npt.NDArray[np.intp]
    row: npt.NDArray[np.intp]
    ts: Ints
    value: Floats

    def in_order(self) -> Arrivals:
        """Watch by watch, in the order they came."""
        order = np.lexsort((self.row, self.watch))
        return Arrivals(self.watch[order], self.signal[order], self.row[order], self.ts[order], self.value[order])


class PcaScores:
    """Squared prediction errors of models of as many signals and components as each other."""

    def __init__(self, models: Sequence[Pca]) -> None:
        self._mean = np.array([one.mean for one in models]).T.copy()
        self._scale = np.array([one.scale for one in models]).T.copy()
        self._components = np.array([one.components for one in models]).transpose(1, 2, 0).copy()
        self._limit = np.array([one.limit for one in models])

    def __call__(self, arrivals: Arrivals, state: State) -> Rows:
        """Score of every row that is complete."""
        watch, ts, matrix = _complete(arrivals, state, len(self._mean))
        return Rows(watch, ts, self._score(watch, matrix))

    def _score(self, watch: npt.NDArray[np.intp], matrix: Floats) -> Floats:
        # Column by column: a product of matrices rounds otherwise when more rows come at once.
        scaled = (matrix.T - self._mean[:, watch]) / self._scale[:, watch]
        rest = scaled
        for component in self._components:
            weights = component[:, watch]
            rest = rest - _sum(scaled * weights) * weights
        return _sum(rest * rest) / self._limit[watch]


def _sum(columns: Floats) -> Floats:
    total = columns[0]
    for one in columns[1:]:
        total = total + one
    return total


Complete = tuple[npt.NDArray[np.intp], Ints, Floats]
"""Watch, time and values of rows."""


def _complete(arrivals: Arrivals, state: State, width: int) -> Complete:
    """One row whenever every signal of a watch has come anew, at the time that completes it."""
    came = arrivals.in_order()
    return _in_rounds(came, state, width) or _one_by_one(came, state, width)


def _in_rounds(came: Arrivals, state: State, width: int) -> Complete | None:
    """All at once where signals come in rounds, each once in a round and none left over; None where they do not."""
    if len(came.watch) % width or (state.held == state.held).any():
        return None
    rounds = came.watch.reshape(-1, width)
    of = rounds[:, 0]
    rows = np.arange(len(of)).repeat(width)
    matrix = np.full((len(of), width), np.nan)
    matrix[rows, came.signal] = came.value
    times = came.ts.reshape(-1, width).max(axis=1)
    first = firsts(of)
    before = shifted(times)
    before[first] = state.row_ts[of[first]]
    if np.isnan(matrix).any() or (rounds != of[:, None]).any() or (times < before).any():
        return None
    last = lasts(first)
    state.row_ts[of[last]] = times[last]
    return of, times, matrix


def _one_by_one(came: Arrivals, state: State, width: int) -> Complete:
    """The same whatever comes when."""
    held = state.held.reshape(-1, width).tolist()
    missing = np.isnan(state.held).reshape(-1, width).sum(axis=1).tolist()
    newest = state.row_ts.tolist()
    watches: list[int] = []
    times: list[int] = []
    matrix: list[list[float]] = []
    columns = (came.watch, came.signal, came.ts, came.value)
    for at, which, moment, one in zip(*(column.tolist() for column in columns), strict=True):
        mine = held[at]
        missing[at] -= mine[which] != mine[which]
        mine[which] = one
        newest[at] = max(moment, newest[at])
        if not missing[at]:
            watches.append(at)
            times.append(newest[at])
            matrix.append(mine)
            held[at], missing[at] = [np.nan] * width, width
    state.held[:] = np.array(held).ravel()
    state.row_ts[:] = newest
    found = np.array(matrix, np.float64).reshape(len(times), width)
    return np.array(watches, np.intp), np.array(times, np.int64), found
