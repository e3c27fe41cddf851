"""Operating regimes: the few conditions a machine works under, and signals freed of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.models.monitor import Flags, Numbers

_MOST = 12
_TIGHT = 0.001
"""Share of the settings' scatter that regimes may leave inside them; beyond it, they are noise or a range."""
_LEAST_SPREAD = 1e-6
_SEED = 20_260_101


@dataclass(frozen=True, slots=True)
class Regimes:
    """Where the settings gather, and what the signals are there.

    Attributes:
        center, spread: of the settings, to bring them to one scale.
        middles: regimes by scaled settings.
        mean: of each signal, regimes by signals.
        scale: standard deviation of each signal, regimes by signals; 0 for one that does not move there.
    """

    center: Numbers
    spread: Numbers
    middles: Numbers
    mean: Numbers
    scale: Numbers

    @staticmethod
    def fit(settings: Numbers, signals: Numbers) -> Regimes:
        """Find the regimes of recorded lives: as few as gather the settings tightly, one if none do.

        Args:
            settings: rows by settings.
            signals: the same rows by signals.
        """
        center, spread = settings.mean(axis=0), np.maximum(settings.std(axis=0), _LEAST_SPREAD)
        scaled = (settings - center) / spread
        middles = _middles(scaled)
        of = _nearest(scaled, middles)
        mean = np.stack([signals[of == one].mean(axis=0) for one in range(len(middles))])
        scale = np.stack([signals[of == one].std(axis=0) for one in range(len(middles))])
        return Regimes(center, spread, middles, mean, np.where(scale > _LEAST_SPREAD, scale, 0.0))

    def __len__(self) -> int:
        return len(self.middles)

    @property
    def telling(self) -> Flags:
        """Signals that move in at least one regime."""
        return np.asarray((self.scale > 0).any(axis=0))

    def freed(self, settings: Numbers, signals: Numbers) -> Numbers:
        """Signals in standard deviations of their regime; 0 where a signal does not move in it."""
        of = _nearest((settings - self.center) / self.spread, self.middles)
        scale = self.scale[of]
        return np.divide(signals - self.mean[of], scale, out=np.zeros(signals.shape), where=scale > 0)


def _middles(scaled: Numbers) -> Numbers:
    from sklearn.cluster import KMeans

    total = float(((scaled - scaled.mean(axis=0)) ** 2).sum())
    most = _MOST if total > 0 else 1
    for count in range(2, most + 1):
        found: Any = KMeans(count, random_state=_SEED).fit(scaled)
        if found.inertia_ <= _TIGHT * total:
            return np.asarray(found.cluster_centers_, dtype=np.float64)
    return scaled.mean(axis=0, keepdims=True)


def _nearest(scaled: Numbers, middles: Numbers) -> np.ndarray:
    return np.argmin(((scaled[:, None, :] - middles[None]) ** 2).sum(axis=2), axis=1)
