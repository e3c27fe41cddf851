"""One signal held against its own past, for long recordings that nobody called healthy. Pure."""

from __future__ import annotations

import numpy as np

from assets.models.monitor import Numbers, moving_mean

_BLOCKS = 12
"""The past is looked at again this often in one window."""
_NORMAL = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""
_OUTER, _OUTER_SPREADS = (0.1, 0.9), 2.563
"""Four fifths of a normal distribution lie within so many of its standard deviations."""
_LEAST_SPREAD = 0.0005
"""Of the median: finer than instruments resolve, so that what never moved is far away when it does."""
_TINY = 1e-9


def level_distance(values: Numbers, window: int, known: int) -> Numbers:
    """How many spreads the moving mean lies from the median of everything before it.

    Median and spread bear with anomalies in the past: nobody has to say which of it was healthy. The spread is the
    larger of what the middle half and what four fifths of the past say: a machine that stands at weekends has two
    levels, and its middle half knows only one.

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
        middle, spread = _usual(past)
        block = slice(begin, begin + step)
        distance[block] = np.abs(means[block] - middle) / spread
    return distance


def _usual(past: Numbers) -> tuple[float, float]:
    low, middle, high = (float(one) for one in np.quantile(past, [_OUTER[0], 0.5, _OUTER[1]]))
    inner = _NORMAL * float(np.median(np.abs(past - middle)))
    return middle, max(inner, (high - low) / _OUTER_SPREADS, _LEAST_SPREAD * abs(middle), _TINY)
