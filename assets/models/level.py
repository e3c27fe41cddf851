"""One signal held against its own past, for long recordings that nobody called healthy. Pure."""

from __future__ import annotations

import numpy as np

from assets.models.monitor import Numbers, moving_mean

_BLOCKS = 12
"""The past is looked at again this often in one window."""
_NORMAL = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


def level_distance(values: Numbers, window: int, known: int) -> Numbers:
    """How many spreads the moving mean lies from the median of everything before it.

    The median and its absolute deviation bear with anomalies in the past: nobody has to say which of it was healthy.

    Args:
        values: in order of time, without gaps.
        window: rows of the moving mean.
        known: rows at the beginning that are only learnt from; their distance is 0.
    """
    means = moving_mean(values, window)
    distance = np.zeros(len(values))
    step = max(1, window // _BLOCKS)
    for begin in range(max(known, 1), len(values), step):
        past = means[: max(begin - window, 1)]
        middle = np.median(past)
        spread = _NORMAL * np.median(np.abs(past - middle))
        block = slice(begin, begin + step)
        distance[block] = np.abs(means[block] - middle) / spread if spread > 0 else 0.0
    return distance
