"""Who is left alone, and for how long."""

from __future__ import annotations

from dataclasses import replace

from bridge.drivers.modbus.profiles import STANDARD
from bridge.drivers.modbus.units import Units

PROFILE = replace(STANDARD, first_rest_s=1.0, longest_rest_s=8.0, slow_answer_s=0.5)


def rest_of(units: Units, device_id: int, now: float) -> float:
    """Time from now until the unit may be asked, in tenths of a second."""
    return next(n / 10 for n in range(1000) if not units.resting(device_id, now + n / 10))


def test_a_silent_unit_rests_longer_each_time_and_up_to_a_limit() -> None:
    units = Units([1, 2], PROFILE)
    rests: list[float] = []
    for now in range(0, 600, 100):
        units.silent(1, now)
        rests.append(rest_of(units, 1, now))
    limits = [1, 2, 4, 8, 8, 8]
    assert all(limit / 2 <= rest <= limit + 0.1 for rest, limit in zip(rests, limits, strict=True))
    assert not units.resting(2, 0)
    assert units.answered(1, 0.01, 700)
    assert not units.answered(1, 0.01, 701)
    units.silent(1, 800)
    assert rest_of(units, 1, 800) <= 1.1


def test_nobody_answers_once_every_unit_was_silent() -> None:
    units = Units([1, 2], PROFILE)
    units.silent(1, 0)
    assert units.is_silent(1)
    assert not units.nobody_answers
    units.silent(2, 0)
    assert units.nobody_answers
    units.answered(1, 0.01, 1)
    assert not units.nobody_answers


def test_a_slow_unit_gets_a_quarter_of_the_time_and_is_not_silent() -> None:
    units = Units([1], PROFILE)
    units.answered(1, 1.0, 10)
    assert rest_of(units, 1, 10) == 3.0
    assert not units.is_silent(1)
    units.answered(1, 0.1, 20)
    assert not units.resting(1, 20)
