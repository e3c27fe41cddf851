"""A machine's healthy envelope by operating condition, all signals at once. Pure.

Signals are freed of their condition (its mean, its spread) and measured by their Mahalanobis distance under a
covariance shrunk towards independence. Every limit is set on hours that the fit had not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.models.conditions import Conditions, Places, find, telling_signals
from assets.models.monitor import SHRINK, Numbers

STATED_RATE = 0.01
"""Share of healthy hours let outside; more where commissioning is too short to state it."""
FOLDS = 5
_LEAST_HELD = 3
"""Hours from which the mean under a condition is taken, in a part of commissioning."""
_DRAWN = 5.0
"""Hours of all conditions that count towards the spread of each."""
_LEAST_SPREAD = 0.0005
"""Of a signal's mean: finer than instruments resolve."""
_LEAST_SPREAD_OF_SHARE = 0.05
_LEAST_WIDTH = 2.576
"""Spreads that a limit is away at least: 1 % of a normal distribution, where a signal hardly moved."""
_LEAST_VARIANCE = 0.25
"""Floor of each variance of deviations in spreads."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Shape:
    """Means, spreads and covariance; row 0 of `center` and `spread` is all conditions together.

    Attributes:
        center, spread: conditions by signals.
        precision: inverse covariances, that of all conditions together and that within them.
    """

    center: Numbers
    spread: Numbers
    precision: Numbers

    def deviations(self, signals: Numbers, of: Places) -> Numbers:
        """Signals in spreads of their condition; 0 for one that is absent."""
        return np.nan_to_num((signals - self.center[of]) / self.spread[of])

    def squared(self, deviations: Numbers, of: Places) -> Numbers:
        """Squared Mahalanobis distance of each hour."""
        return np.where(of == 0, *(np.einsum("ri,ij,rj->r", deviations, one, deviations) for one in self.precision))


@dataclass(frozen=True, slots=True)
class Healthy:
    """What a machine does while it is healthy.

    Attributes:
        signals: names, in the order of all columns.
        conditions: that commissioning knew.
        hours: of commissioning, all and under each condition.
        shape: means, spreads, covariance.
        edge: squared distance at the limit, of all conditions together and within them.
        width: limit of each signal in spreads, two rows likewise.
        stated, measured: share of healthy hours outside, as the limits were set and as unseen hours showed it.
    """

    signals: tuple[str, ...]
    conditions: Conditions
    hours: tuple[int, ...]
    shape: Shape
    edge: Numbers
    width: Numbers
    stated: float
    measured: float

    @staticmethod
    def fit(names: Sequence[str], signals: Numbers, settings: Sequence[str], shares: Sequence[bool]) -> Healthy:
        """Learn from commissioning.

        Args:
            names: of the signals.
            signals: hours in order by signals; nan where one is absent.
            settings: signals that tell the condition; none lets the data say.
            shares: which signals are shares between 0 and 1.
        """
        least = np.maximum(np.where(shares, _LEAST_SPREAD_OF_SHARE, _TINY), _resolutions(signals) / 2)
        fold = np.arange(len(signals)) * FOLDS // len(signals)
        conditions = _held_apart(conditions_in(names, signals, settings), names, signals, fold)
        of = conditions.place(_columns(signals, names, conditions.settings))
        squared, freed = _held_out(signals, of, len(conditions), least, fold)
        unseen = np.isfinite(squared)
        edge = np.array([_edge(one) for one in squared])
        width = np.stack([_widths(np.abs(one[ok])) for one, ok in zip(freed, unseen, strict=True)])
        hours = tuple(int(n) for n in (len(of), *np.bincount(of, minlength=len(conditions) + 1)[1:]))
        stated = max(STATED_RATE, 1 / (int(unseen[1 if len(conditions) else 0].sum()) + 1))
        shape = _shape(signals, of, len(conditions), least)
        measured = _measured(squared, of, fold)
        return Healthy(tuple(names), conditions, hours, shape, edge, width, stated, measured)

    def judge(self, signals: Numbers) -> tuple[Places, Numbers]:
        """Condition of each hour, 0 if commissioning did not know it, and its distance: 1 is the limit."""
        of = self.conditions.place(_columns(signals, self.signals, self.conditions.settings))
        squared = self.shape.squared(self.shape.deviations(signals, of), of)
        return of, np.sqrt(squared / self.edge[np.minimum(of, 1)])


def conditions_in(names: Sequence[str], signals: Numbers, settings: Sequence[str]) -> Conditions:
    """Conditions in commissioning; see `Healthy.fit`."""
    telling = tuple(settings) or telling_signals(names, signals)
    return find(telling, _columns(signals, names, telling))


def _held_apart(conditions: Conditions, names: Sequence[str], signals: Numbers, fold: Places) -> Conditions:
    """Those that several fifths hold: the others' limits could not be set on hours unseen."""
    of = conditions.place(_columns(signals, names, conditions.settings))
    kept = [len(np.unique(fold[of == one])) > 1 for one in range(1, len(conditions) + 1)]
    return Conditions(conditions.settings, conditions.low[kept], conditions.high[kept])


def _columns(signals: Numbers, names: Sequence[str], wanted: Sequence[str]) -> Numbers:
    return signals[:, [list(names).index(one) for one in wanted]]


def _held_out(signals: Numbers, of: Places, count: int, least: Numbers, fold: Places) -> tuple[Numbers, Numbers]:
    """Squared distances and deviations of each fifth by the shape of the others: against all conditions, and its own.

    Hours are nan against a condition that the others do not hold.
    """
    squared, freed = np.full((2, len(signals)), np.nan), np.full((2, *signals.shape), np.nan)
    for one in np.unique(fold):
        out, rest = fold == one, fold != one
        shape = _shape(signals[rest], of[rest], count, least)
        enough = np.bincount(of[rest], minlength=count + 1) >= _LEAST_HELD
        for way, places in enumerate((np.zeros_like(of[out]), of[out])):
            deviations = shape.deviations(signals[out], places)
            known = (way == 0) | ((places > 0) & enough[places])
            squared[way, out] = np.where(known, shape.squared(deviations, places), np.nan)
            freed[way, out] = deviations
    return squared, freed


def _measured(squared: Numbers, of: Places, fold: Places) -> float:
    """Share of hours outside the limit that the other fifths set."""
    way = np.where((of > 0) & np.isfinite(squared[1]), 1, 0)
    own = np.take_along_axis(squared, way[None], axis=0)[0]
    outside = np.zeros(len(of), dtype=bool)
    for one in np.unique(fold):
        out = fold == one
        edges = np.array([_edge(row[~out]) for row in squared])
        outside[out] = own[out] > edges[way[out]]
    return float(outside.mean())


def _limit(values: Numbers) -> float:
    """The value that a share of `STATED_RATE` of further ones like these passes; infinite for none."""
    if not len(values):
        return float("inf")
    rank = int(np.ceil((1 - STATED_RATE) * (len(values) + 1)))
    return float(np.sort(values)[min(rank, len(values)) - 1])


def _edge(squared: Numbers) -> float:
    return max(_limit(squared[np.isfinite(squared)]), _LEAST_WIDTH**2)


def _widths(deviations: Numbers) -> Numbers:
    return np.array([max(_limit(one), _LEAST_WIDTH) for one in deviations.T])


def _shape(signals: Numbers, of: Places, count: int, least: Numbers) -> Shape:
    """Moments of hours; a condition that they hardly hold takes the means of all."""
    whole, member = np.nanmean(signals, axis=0), (of[None] == np.arange(1, count + 1)[:, None]).astype(np.float64)
    known = np.isfinite(signals)
    counts, sums = member @ known, member @ np.where(known, signals, 0.0)
    means = np.where(counts >= _LEAST_HELD, sums / np.maximum(counts, 1), whole)
    center = np.vstack([whole, means])
    squares = member @ np.nan_to_num(signals - center[of]) ** 2
    free = np.maximum(counts - 1, 0)
    within = squares.sum(axis=0) / np.maximum(free.sum(axis=0), 1)
    variance = np.vstack([np.nanvar(signals, axis=0), (squares + _DRAWN * within) / (free + _DRAWN)])
    spread = np.maximum(np.sqrt(variance), np.maximum(np.abs(center) * _LEAST_SPREAD, least))
    bare = Shape(center, spread, np.zeros((2, 0, 0)))
    pooled = bare.deviations(signals, np.zeros_like(of))
    own = bare.deviations(signals[of > 0], of[of > 0])
    return Shape(center, spread, np.stack([_precision(pooled), _precision(own if len(own) > 1 else pooled)]))


def _resolutions(signals: Numbers) -> Numbers:
    """Smallest step each signal was seen to make: what toggles between two figures spreads over half of it."""
    steps = [np.diff(np.unique(one[np.isfinite(one)])) for one in signals.T]
    return np.array([one.min() if len(one) else 0.0 for one in steps])


def _precision(deviations: Numbers) -> Numbers:
    covariance = np.atleast_2d(np.cov(deviations.T))
    alone = np.diag(np.maximum(np.diag(covariance), _LEAST_VARIANCE))
    shrunk = (1 - SHRINK) * covariance + SHRINK * alone
    np.fill_diagonal(shrunk, np.diag(alone))
    return np.linalg.pinv(shrunk, hermitian=True).astype(np.float64)
