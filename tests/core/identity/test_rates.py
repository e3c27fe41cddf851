from __future__ import annotations

from core.identity import rates
from core.identity.rates import Rates


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_s_requests_may_come_at_once_and_then_come_back_bit_by_bit():
    clock = Clock()
    taken = Rates(clock)

    assert [taken.take("a", 60) for _ in range(60)] == [0.0] * 60
    assert taken.take("a", 60) == 1.0
    clock.now += 0.25
    assert taken.take("a", 60) == 0.75
    clock.now += 0.75
    assert (taken.take("a", 60), taken.take("a", 60)) == (0.0, 1.0)
    clock.now += 3600
    assert [bool(taken.take("a", 60)) for _ in range(61)] == [False] * 60 + [True]


def test_one_s_requests_are_not_another_s():
    taken = Rates(Clock())
    assert taken.take("a", 1) == 0.0

    assert (taken.take("b", 1), taken.take("a", 1)) == (0.0, 60.0)


def test_when_there_are_too_many_the_one_that_rested_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(rates, "_MOST", 2)
    taken = Rates(Clock())
    taken.take("a", 1), taken.take("b", 1)
    assert taken.take("a", 1) == 60.0

    taken.take("c", 1)

    assert (taken.take("a", 1), taken.take("b", 1)) == (60.0, 0.0)
