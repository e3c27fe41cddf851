"""Regimes are found where settings gather, and nowhere else."""

from __future__ import annotations

import numpy as np

from assets.models.regimes import Regimes

CHANCE = np.random.default_rng(9)


def test_settings_that_gather_are_regimes_and_signals_are_freed_of_them():
    of = CHANCE.integers(0, 3, 600)
    settings = np.array([[0.0, 20.0], [10.0, 20.0], [10.0, 60.0]])[of] + CHANCE.normal(0, 0.01, (600, 2))
    wear = CHANCE.normal(0, 1, 600)
    signals = np.column_stack([of * 100 + wear, np.full(600, 4.0)])
    regimes = Regimes.fit(settings, signals)
    freed = regimes.freed(settings, signals)
    assert len(regimes) == 3
    assert np.corrcoef(freed[:, 0], wear)[0, 1] > 0.99
    assert regimes.telling.tolist() == [True, False]
    assert (freed[:, 1] == 0).all()


def test_settings_that_are_noise_are_one_regime():
    settings = CHANCE.normal(0, 1, (600, 3))
    regimes = Regimes.fit(settings, settings)
    assert len(regimes) == 1
    assert np.allclose(regimes.freed(settings, settings).std(axis=0), 1)


def test_settings_that_never_change_are_one_regime():
    assert len(Regimes.fit(np.zeros((50, 2)), CHANCE.normal(0, 1, (50, 1)))) == 1
