"""The envelope of a healthy machine, the level of one signal, and alarms that do not flutter."""

from __future__ import annotations

import numpy as np
import pytest

from assets.models.level import level_distance
from assets.models.monitor import Envelope, alarms, moving_mean


@pytest.fixture
def pump() -> np.ndarray:
    """Flow and current that rise and fall together, and a constant."""
    chance = np.random.default_rng(3)
    load = chance.normal(0, 1, 900).cumsum() * 0.05
    noise = chance.normal(0, 0.1, (900, 2))
    return np.column_stack([30 + load + noise[:, 0], 5 + load + noise[:, 1], np.full(900, 7.0)])


def test_almost_all_healthy_rows_lie_inside(pump: np.ndarray):
    distance = Envelope.fit(pump).distance(pump)
    assert 0.97 < (distance < 1).mean() < 1


def test_signals_that_part_are_far_though_each_alone_is_usual(pump: np.ndarray):
    low, high = np.quantile(pump[:, :2], [0.2, 0.8], axis=0)
    envelope = Envelope.fit(pump)
    together, parted = (envelope.distance(np.tile([flow, high[1], 7.0], (40, 1)))[-1] for flow in (high[0], low[0]))
    assert together < 1 < parted
    assert parted > 4 * together


def test_a_constant_signal_that_moves_is_far_and_one_that_stays_is_not(pump: np.ndarray):
    envelope = Envelope.fit(pump)
    moved = pump[:100] + np.array([0, 0, 0.5])
    assert envelope.distance(moved)[-1] > 10
    assert np.isfinite(envelope.distance(pump)).all()


def test_a_moving_mean_knows_only_what_was():
    assert moving_mean(np.array([2.0, 4.0, 6.0, 8.0]), 2).tolist() == [2.0, 3.0, 5.0, 7.0]
    assert moving_mean(np.array([[2.0], [4.0]]), 5).tolist() == [[2.0], [3.0]]


def test_an_alarm_stands_until_the_distance_is_well_below_its_limit():
    distance = np.array([0.0, 3.0, 1.8, 1.4, 1.6, 3.0])
    assert alarms(distance, 2.0, 0.75).tolist() == [False, True, True, False, False, True]
    side_by_side = alarms(distance, np.array([2.0, 2.0]), np.array([1.0, 0.75]))
    assert side_by_side[:, 0].tolist() == [False, True, False, False, False, True]
    assert side_by_side[:, 1].tolist() == alarms(distance, 2.0, 0.75).tolist()


def test_a_level_is_measured_against_everything_before_it_however_bad_some_of_it_was():
    chance = np.random.default_rng(5)
    values = 80 + chance.normal(0, 2, 3000)
    values[500:600] -= 60
    values[2500:2700] -= 10
    distance = level_distance(values, 36, 450)
    assert (distance[:450] == 0).all()
    assert distance[2600] > 5 > distance[2000]


def test_a_level_that_never_moved_has_no_distance():
    assert (level_distance(np.full(200, 4.0), 10, 20) == 0).all()


def test_a_level_that_moves_for_the_first_time_is_far():
    values = np.full(200, 4.0)
    values[150:] = 4.1
    assert level_distance(values, 10, 20)[160] > 10


def test_weekends_of_another_level_are_usual():
    day = np.arange(60 * 24) / 24
    values = 80 - 15 * (day % 7 >= 5) + np.random.default_rng(6).normal(0, 1, len(day))
    assert level_distance(values, 12, int(0.15 * len(day)))[14 * 24 :].max() < 3
