"""A machine's clock that jumps over a step leaves a gap, until readings from inside it turn up."""

from __future__ import annotations

from bridge.gaps import BRIDGE_DOWN, MISSED_SCAN, Gap, GapChanges, KnownGaps, MachineClock


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


def test_a_reading_inside_a_gap_leaves_what_is_longer_than_a_step() -> None:
    gap, other = Gap("p1", 20, 60, MISSED_SCAN), Gap("p1", 100, 200, BRIDGE_DOWN)
    known = KnownGaps([other, gap])
    changes = GapChanges()
    known.read_at("p1", 30, 15, changes)
    assert changes == GapChanges(found=[Gap("p1", 30, 60, MISSED_SCAN)], narrowed=[gap])
    changes = GapChanges()
    known.read_at("p1", 150, 15, changes)
    assert changes.found == [Gap("p1", 100, 150, BRIDGE_DOWN), Gap("p1", 150, 200, BRIDGE_DOWN)]
    changes = GapChanges()
    for ts in (10, 20, 30, 60, 80, 100, 150, 200, 250):
        known.read_at("p1", ts, 15, changes)
    known.read_at("p2", 40, 15, changes)
    assert changes == GapChanges()
