"""Healthy envelopes of machines whose truth is known: two speeds, warmer at one, current and heat in step."""

from __future__ import annotations

import numpy as np
import pytest

from assets.models.healthy import STATED_RATE, Healthy

NAMES = ("current", "heat", "load", "turns")
FORTNIGHT = 336


def machine(hours: int, seed: int, warmer: float = 0.0, only: float | None = None) -> np.ndarray:
    """Hours by signals; heat is `warmer`, at one speed `only` if it is given."""
    chance = np.random.default_rng(seed)
    turns = np.where(np.arange(hours) % 24 >= 12, 200.0, 100.0)
    work = chance.normal(0, 1, hours)
    heat = np.where(turns > 150, 80.0, 50.0) + 2 * work + chance.normal(0, 0.5, hours)
    heat += warmer if only is None else np.where(turns == only, warmer, 0.0)
    load = 10 + chance.normal(0, 0.1, hours)
    return np.stack([turns / 10 + work + chance.normal(0, 0.2, hours), heat, load, turns], axis=1)


@pytest.fixture(scope="module")
def healthy() -> Healthy:
    return Healthy.fit(NAMES, machine(FORTNIGHT, 1), ["turns"], [False] * 4)


def test_each_condition_has_its_own_means_and_spreads(healthy):
    assert healthy.hours == (336, 168, 168)
    assert healthy.shape.center[1:, 1].tolist() == pytest.approx([50, 80], abs=0.5)
    assert healthy.shape.center[0, 1] == pytest.approx(65, abs=0.5)
    assert healthy.shape.spread[:, 1].tolist() == pytest.approx([15.2, 2.1, 2.1], rel=0.2)


@pytest.mark.parametrize("seed", range(2, 7))
def test_false_alarms_are_as_stated_on_hours_never_seen(seed):
    found = Healthy.fit(NAMES, machine(FORTNIGHT, seed), ["turns"], [False] * 4)
    _, distance = found.judge(machine(4000, seed + 100))
    assert found.stated == STATED_RATE
    assert found.measured <= 0.04
    assert float((distance > 1).mean()) <= 0.04


def test_a_shift_in_one_condition_is_found_there_and_only_there(healthy):
    hours = machine(480, 8, warmer=14.0, only=100.0)
    of, distance = healthy.judge(hours)
    assert float((distance[of == 1] > 1).mean()) > 0.95
    assert float((distance[of == 2] > 1).mean()) < 0.05
    pooled = Healthy.fit(NAMES[:3], machine(FORTNIGHT, 1)[:, :3], [], [False] * 3)
    freed = (hours[of == 1, 1] - pooled.shape.center[0, 1]) / pooled.shape.spread[0, 1]
    assert np.abs(freed).max() < pooled.width[0, 1]


def test_signals_that_went_in_step_and_part_are_outside_though_each_is_within_its_limits(healthy):
    hours = machine(24, 9)[:12]
    hours[:, :2] = [10 - 1.6, 50 + 3.2]
    of, distance = healthy.judge(hours)
    freed = healthy.shape.deviations(hours, of)
    assert np.all(np.abs(freed[:, :2]) < healthy.width[1, :2])
    together = hours.copy()
    together[:, :2] = [10 + 1.6, 50 + 3.2]
    assert np.all(distance > 1.5 * healthy.judge(together)[1])


def test_a_condition_never_seen_is_held_against_all_together(healthy):
    hours = machine(24, 10)
    hours[:, 3] = 400.0
    of, distance = healthy.judge(hours)
    assert set(of.tolist()) == {0}
    assert np.all(distance > 1)


def test_few_hours_of_many_signals_do_not_call_healthy_ones_ill():
    rates: list[float] = []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        found = Healthy.fit([f"s{n:02}" for n in range(20)], chance.normal(5, 1, (30, 20)), [], [False] * 20)
        rates.append(float((found.judge(chance.normal(5, 1, (200, 20)))[1] > 1).mean()))
        assert found.stated == pytest.approx(1 / 31)
    assert np.mean(rates) < 0.06


def test_an_absent_signal_counts_as_usual_and_a_constant_one_has_limits(healthy):
    hours = machine(48, 11)
    hours[:, 2] = np.nan
    assert float((healthy.judge(hours)[1] > 1).mean()) < 0.1
    still = np.column_stack([machine(100, 12)[:, 0], np.full(100, 8.0)])
    found = Healthy.fit(("current", "pressure"), still, [], [False] * 2)
    assert found.shape.spread[0, 1] == pytest.approx(0.004)
    near, far = found.judge(np.array([[15.0, 8.002], [15.0, 8.1]]))[1].tolist()
    assert near < 1
    assert far > 5


def test_a_signal_that_toggles_between_two_figures_is_as_wide_as_its_step():
    chance = np.random.default_rng(4)
    flow = np.where(np.arange(60) == 40, 1.26, 1.25)
    found = Healthy.fit(("flow", "heat"), np.column_stack([flow, chance.normal(5, 1, 60)]), [], [False] * 2)
    assert found.shape.spread[0, 0] >= 0.005
    assert found.judge(np.array([[1.26, 5.0]]))[1].item() < 1
