"""A machine held against its own healthy past, all its signals at once. Pure.

Moving means of the scaled signals are measured by their Mahalanobis distance (Hotelling's T²) under a covariance shrunk
towards independence: signals that moved together while healthy and part later count, signals that were never quite
still do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

WINDOWS = (20, 30)
"""Rows of the moving means: long enough to see through noise, short enough to be in time."""
SHRINK = 0.3
"""Share of independence in the covariance; few healthy rows know little of how signals go together."""
_EDGE = 0.99
"""Share of healthy rows inside a distance of one."""
_LEAST_SPREAD = 0.0005
"""Of a signal's mean: finer than instruments resolve, so that a constant signal does not divide by nothing."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class _Shape:
    """Healthy moving means of one window: centre, inverse covariance, and the squared distance at the edge."""

    window: int
    center: Numbers
    inverse: Numbers
    edge: float

    def distance(self, scaled: Numbers) -> Numbers:
        away = moving_mean(scaled, self.window) - self.center
        return np.einsum("ri,ij,rj->r", away, self.inverse, away) / self.edge


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a machine's signals look like together while it is healthy.

    Attributes:
        mean: of each signal.
        spread: standard deviation of each signal, never nothing.
        shapes: one for each window.
    """

    mean: Numbers
    spread: Numbers
    shapes: tuple[_Shape, ...]

    @staticmethod
    def fit(healthy: Numbers, windows: Sequence[int] = WINDOWS, shrink: float = SHRINK) -> Envelope:
        """Learn from healthy rows.

        Args:
            healthy: rows in order of time by signals, without gaps; more rows than signals.
            windows: rows of each moving mean.
            shrink: share of independence in the covariance, 0 to 1.
        """
        mean = healthy.mean(axis=0)
        spread = np.maximum(np.maximum(healthy.std(axis=0), np.abs(mean) * _LEAST_SPREAD), _TINY)
        scaled = (healthy - mean) / spread
        return Envelope(mean, spread, tuple(_shape(scaled, window, shrink) for window in windows))

    def distance(self, rows: Numbers) -> Numbers:
        """How far from healthy each row is with the rows just before it; 99 % of healthy rows lie below 1.

        Args:
            rows: in order of time, signals as in `fit`.
        """
        scaled = (rows - self.mean) / self.spread
        return np.exp(np.mean([np.log(shape.distance(scaled) + _TINY) for shape in self.shapes], axis=0))


def _shape(scaled: Numbers, window: int, shrink: float) -> _Shape:
    means = moving_mean(scaled, window)
    center = means.mean(axis=0)
    covariance = np.atleast_2d(np.cov(means.T))
    alone = np.maximum(np.diag(covariance), _TINY)
    inverse = np.linalg.pinv((1 - shrink) * covariance + shrink * np.diag(alone), hermitian=True).astype(np.float64)
    away = means - center
    edge = float(np.quantile(np.einsum("ri,ij,rj->r", away, inverse, away), _EDGE))
    return _Shape(window, center, inverse, max(edge, _TINY))


def moving_mean(rows: Numbers, window: int) -> Numbers:
    """Mean of each row and those before it, `window` rows at most."""
    summed = np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0)])
    end = np.arange(1, len(rows) + 1)
    begin = np.maximum(end - window, 0)
    return (summed[end] - summed[begin]) / (end - begin).reshape(-1, *[1] * (rows.ndim - 1))


def alarms(distance: Numbers, on: Numbers | float, off_share: Numbers | float) -> Flags:
    """Alarm is raised above `on` and stands until the distance is below `off_share` of it.

    Args:
        distance: one for each row.
        on: limit; several limits at once are tried side by side.
        off_share: share of the limit, 0 to 1, one for each limit.

    Returns:
        Whether the alarm stands, rows by limits; rows alone for one limit.
    """
    limits = np.atleast_1d(np.asarray(on, dtype=float))
    ends = limits * np.atleast_1d(np.asarray(off_share, dtype=float))
    stands = np.zeros(len(limits), dtype=bool)
    out = np.zeros((len(distance), len(limits)), dtype=bool)
    for row, far in enumerate(distance):
        stands = np.where(stands, far >= ends, far > limits)
        out[row] = stands
    return out if np.ndim(on) else out[:, 0]
