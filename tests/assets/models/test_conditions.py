"""Operating conditions: found in settings, found without anybody naming them, and found again."""

from __future__ import annotations

import numpy as np
import pytest

from assets.models.conditions import LEAST_HOURS, find, telling_signals

SPEEDS = np.array([0.0, 10.0, 20.0, 25.0, 35.0, 42.0])


def chance() -> np.random.Generator:
    return np.random.default_rng(3)


def test_levels_are_conditions_and_nothing_lies_between_them():
    turns = np.repeat([100.0, 200.0], 50) + chance().normal(0, 2, 100)
    found = find(["turns"], turns[:, None])
    assert (len(found), found.settings) == (2, ("turns",))
    assert found.place(np.array([[100.0], [201.0], [150.0], [400.0], [np.nan]])).tolist() == [1, 2, 0, 0, 0]


def test_a_setting_without_levels_is_cut_in_thirds_and_known_a_little_beyond():
    load = np.linspace(0.2, 0.8, 300)
    found = find(["load"], load[:, None])
    assert found.place(np.array([[0.15], [0.3], [0.5], [0.79], [0.85], [1.0]])).tolist() == [1, 1, 2, 3, 3, 0]
    assert np.bincount(found.place(load[:, None])).tolist() == [0, 100, 100, 100]


def test_settings_make_conditions_together():
    where = np.array([[turns, heat] for turns in (1.0, 2.0) for heat in (50.0, 80.0)]).repeat(10, axis=0)
    found = find(["turns", "heat"], where)
    assert len(found) == 4
    assert sorted(set(found.place(where).tolist())) == [1, 2, 3, 4]


def test_a_condition_seen_too_seldom_and_a_setting_that_does_not_move_are_none():
    turns = np.array([100.0] * 40 + [200.0] * (LEAST_HOURS - 1))
    found = find(["turns"], turns[:, None])
    assert found.place(turns[:, None]).tolist() == [1] * 40 + [0] * (LEAST_HOURS - 1)
    assert len(find(["turns"], np.full((40, 1), 100.0))) == 0
    assert find(["turns"], np.full((40, 1), np.nan)).place(np.array([[1.0]])).tolist() == [0]


@pytest.fixture
def six():
    """Six conditions, four signals that follow them and nobody says which tell."""
    of = chance().integers(0, 6, 80)
    noise = chance().normal(0, 1, (80, 3))
    follow = np.stack([600 - 2 * SPEEDS[of], 30 + SPEEDS[of] ** 1.5, 900 + 5 * SPEEDS[of]], axis=1) + noise * 0.05
    return of, np.column_stack([SPEEDS[of], follow])


def test_conditions_are_found_where_nobody_names_them(six):
    of, signals = six
    telling = telling_signals(["altitude", "heat", "flow", "turns"], signals)
    assert telling == ("altitude",)
    placed = find(telling, signals[:, :1]).place(signals[:, :1])
    assert {(a, b) for a, b in zip(of.tolist(), placed.tolist(), strict=True)} == {(n, n + 1) for n in range(6)}


def test_a_signal_that_others_do_not_follow_tells_no_condition():
    switch = np.repeat([0.0, 1.0, 2.0], 30)
    others = chance().normal(10, 1, (90, 3))
    assert telling_signals(["switch", "a", "b", "c"], np.column_stack([switch, others])) == ()
    assert telling_signals(["switch", "stage", "a", "b", "c"], np.column_stack([switch, switch, others])) == ()
