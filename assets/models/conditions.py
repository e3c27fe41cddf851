"""The operating conditions a machine was seen in: boxes of the signals that tell them. Pure.

A condition is a band of each setting, so that it can be said in words, kept in a table, and found again for any hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.models.monitor import Numbers

LEAST_HOURS = 6
"""Hours that a condition takes to have limits of its own."""
_MOST = 12
_GAP = 0.05
"""Of the range of a setting: what must lie empty between two levels."""
_LEAST_OF_A_LEVEL = 0.02
_BEYOND = 0.1
"""Of the range of a setting without levels: how far beyond it a condition still counts as known."""
_FOLLOWED = 0.9
"""Share of the scatter of an ordinary signal that conditions must explain to be taken for some."""
Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions by settings.

    Attributes:
        settings: signals that tell the condition; none where a machine knows one condition only.
        low, high: band of each setting, conditions by settings.
    """

    settings: tuple[str, ...]
    low: Numbers
    high: Numbers

    def __len__(self) -> int:
        return len(self.low)

    def place(self, where: Numbers) -> Places:
        """Condition of each row of settings, from 1; 0 for one that is in none."""
        if not len(self):
            return np.zeros(len(where), dtype=np.intp)
        inside = np.all((where[:, None, :] >= self.low) & (where[:, None, :] <= self.high), axis=2)
        return np.where(np.any(inside, axis=1), np.argmax(inside, axis=1) + 1, 0)


def find(names: Sequence[str], where: Numbers) -> Conditions:
    """The conditions in commissioning, each with at least `LEAST_HOURS`.

    Args:
        names: settings.
        where: hours by settings; nan where a setting was not known.
    """
    bands = [_bands(where[:, n]) for n in range(len(names))]
    telling = [n for n, found in enumerate(bands) if len(found) > 1]
    if not telling:
        return Conditions((), np.zeros((0, 0)), np.zeros((0, 0)))
    of = np.stack([_band_of(bands[n], where[:, n]) for n in telling], axis=1)
    kinds, counts = np.unique(of[(of >= 0).all(axis=1)], axis=0, return_counts=True)
    kept = kinds[counts >= LEAST_HOURS]
    edges = [np.stack([bands[n][one] for n, one in zip(telling, kind, strict=True)]) for kind in kept]
    boxes = np.stack(edges) if edges else np.zeros((0, len(telling), 2))
    return Conditions(tuple(names[n] for n in telling), boxes[:, :, 0], boxes[:, :, 1])


def telling_signals(names: Sequence[str], signals: Numbers) -> tuple[str, ...]:
    """Signals that tell the condition where nobody said which do: they take few levels, and the others follow them.

    The one whose levels are the sharpest comes first; another is added where it tells more conditions apart.
    """
    levelled = {n: found for n in range(len(names)) if (found := _levels(signals[:, n])) is not None}
    sharpness = {n: float(np.max(found[:, 1] - found[:, 0]) / _reach(signals[:, n])) for n, found in levelled.items()}
    chosen: list[int] = []
    of = np.zeros((len(signals), 0), dtype=np.intp)
    for n in sorted(levelled, key=lambda n: (sharpness[n], names[n])):
        more = np.column_stack([of, _band_of(_padded(levelled[n]), signals[:, n])])
        if len(np.unique(more, axis=0)) > max(len(np.unique(of, axis=0)), 1):
            chosen, of = [*chosen, n], more
    kinds, place = np.unique(of, axis=0, return_inverse=True)
    if len(levelled) < 2 or not 2 <= len(kinds) <= _MOST or not _followed(signals, np.ravel(place), len(kinds)):
        return ()
    return tuple(names[n] for n in chosen)


def _followed(signals: Numbers, place: Places, count: int) -> bool:
    """Whether conditions explain most of what an ordinary signal does."""
    moving = signals[:, np.nanstd(signals, axis=0) > 0]
    middles = np.stack([np.nanmean(moving[place == one], axis=0) for one in range(count)])
    left = np.nanvar(moving - middles[place], axis=0) / np.nanvar(moving, axis=0)
    return float(np.median(left)) <= 1 - _FOLLOWED


def _bands(values: Numbers) -> Numbers:
    """Bands of a setting: its levels, or else thirds; one band for a setting that does not move."""
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return np.zeros((min(len(known), 1), 2))
    levels = _levels(values)
    if levels is not None:
        return _padded(levels)
    edges = np.unique(np.quantile(known, [0, 1 / 3, 2 / 3, 1]))
    edges[[0, -1]] += np.array([-1, 1]) * _BEYOND * np.ptp(known)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def _levels(values: Numbers) -> Numbers | None:
    """Lowest and highest value of each level; None where the values do not keep to few levels with nothing between."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known) or np.ptp(known) == 0:
        return None
    gaps = np.diff(known)
    breaks = np.flatnonzero(gaps > _GAP * np.ptp(known))
    if not 1 <= len(breaks) < _MOST:
        return None
    begin, end = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(known) - 1]])
    widths, least = known[end] - known[begin], max(2.0, _LEAST_OF_A_LEVEL * len(known))
    if np.any(end - begin + 1 < least) or widths.max() > gaps[breaks].min() / 2:
        return None
    return np.stack([known[begin], known[end]], axis=1)


def _padded(levels: Numbers) -> Numbers:
    """Levels with a quarter of the narrowest gap on either side."""
    pad = float((levels[1:, 0] - levels[:-1, 1]).min()) / 4
    return levels + np.array([-pad, pad])


def _reach(values: Numbers) -> float:
    return float(np.nanmax(values) - np.nanmin(values))


def _band_of(bands: Numbers, values: Numbers) -> Places:
    """Band of each value, -1 for none."""
    inside = (values[:, None] >= bands[:, 0]) & (values[:, None] <= bands[:, 1])
    return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)
