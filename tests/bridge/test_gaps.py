"""A machine's clock that jumps over a step leaves a gap."""

from __future__ import annotations

from bridge.gaps import BRIDGE_DOWN, MISSED_SCAN, Gap, MachineClock


def test_a_jump_of_more_than_a_step_is_a_missed_scan() -> None:
    clock = MachineClock("p1")
    assert [clock.observe(ts, MISSED_SCAN) for ts in (0, 10, 20, 31, 30, 40)] == [None] * 6
    assert clock.observe(60, MISSED_SCAN) == Gap("p1", 40, 60, MISSED_SCAN)
    assert clock.observe(70, MISSED_SCAN) is None


def test_the_step_is_known_again_from_the_journal() -> None:
    assert MachineClock("p1", [0, 10, 20]).observe(30, BRIDGE_DOWN) is None
    assert MachineClock("p1", [0, 10, 20]).observe(40, BRIDGE_DOWN) == Gap("p1", 20, 40, BRIDGE_DOWN)


def test_after_a_pause_an_unknown_step_counts_as_a_gap() -> None:
    assert MachineClock("p1", [5]).observe(6, BRIDGE_DOWN) == Gap("p1", 5, 6, BRIDGE_DOWN)
    assert MachineClock("p1", [5]).observe(6, MISSED_SCAN) is None
    assert MachineClock("p1").observe(6, BRIDGE_DOWN) is None
