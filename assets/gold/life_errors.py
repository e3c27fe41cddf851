"""How far a model of remaining life errs, and the interval that follows (conformal prediction in groups)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_GROUPS = 12
"""Groups of unseen moments, by what the model said, each with an interval of its own."""
_TAIL = 0.05
"""Share of lives that may end before the interval, and after it."""
_STRETCHES = tuple(float(one) for one in np.linspace(0.7, 1.3, 61))
"""Widths tried, of the groups' own, for the narrowest that holds what it promises of unseen lives."""
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Errors:
    """How far the truth lay from what the model said, by what it said.

    Attributes:
        said: middle of each group, rising.
        below: error that 5 % of the group fall short of; usually negative.
        above: error that 5 % of the group exceed.
    """

    said: Numbers
    below: Numbers
    above: Numbers

    def stretched(self, by: float) -> Errors:
        """The same middles with intervals of `by` times the width."""
        middle, half = (self.above + self.below) / 2, (self.above - self.below) / 2 * by
        return Errors(self.said, middle - half, middle + half)

    def interval(self, said: Numbers) -> tuple[Numbers, Numbers]:
        """Low and high for what the model says; between the middles of two groups, between their errors."""
        low = said + np.interp(said, self.said, self.below)
        high = said + np.interp(said, self.said, self.above)
        return np.clip(np.minimum(low, said), 0.0, None), np.maximum(high, said)


def calibrated(said: Numbers, truth: Numbers, part: Any) -> tuple[Errors, float]:
    """Errors whose intervals are the narrowest that hold nine tenths of what they were not made of.

    Args:
        said: what the model said of lives it had not seen, in cycles.
        truth: the cycles that were left.
        part: which part of the lives each moment belongs to; each part is held against errors of the others.

    Returns:
        The errors of all moments, and the share of moments inside intervals made of the other parts.
    """
    asked = [part == one for one in np.unique(part)]
    others = [_errors(said[~of], truth[~of]) for of in asked]

    def inside(stretch: float) -> float:
        return _inside([errors.stretched(stretch) for errors in others], asked, said, truth)

    stretch = next((one for one in _STRETCHES if inside(one) >= 1 - 2 * _TAIL), _STRETCHES[-1])
    return _errors(said, truth).stretched(stretch), inside(stretch)


def _errors(said: Numbers, truth: Numbers) -> Errors:
    groups = [group for group in np.array_split(np.argsort(said, kind="stable"), _GROUPS) if len(group)]
    error = truth - said
    below = [_quantile(error[group], _TAIL, "lower") for group in groups]
    above = [_quantile(error[group], 1 - _TAIL, "higher") for group in groups]
    # Farther from the end nothing is ever surer: without this the cap makes early lives look certain.
    return Errors(
        said=np.array([said[group].mean() for group in groups]),
        below=np.minimum.accumulate(below),
        above=np.maximum.accumulate(above),
    )


def _quantile(values: Numbers, share: float, side: Any) -> float:
    """A quantile moved outwards by what a finite sample leaves open."""
    outwards = (1 + 1 / len(values)) if share > 0.5 else 1 / (1 + 1 / len(values))
    return float(np.quantile(values, min(1.0, share * outwards), method=side))


def _inside(errors: Sequence[Errors], asked: Sequence[Any], said: Numbers, truth: Numbers) -> float:
    """Share of the truth inside intervals, each of its own part of the lives."""
    inside: list[bool] = []
    for one, of in zip(errors, asked, strict=True):
        low, high = one.interval(said[of])
        inside += list((low <= truth[of]) & (truth[of] <= high))
    return float(np.mean(inside))
