"""What counts as a leak and what does not."""

from __future__ import annotations

from tests.isolation.detector import Answer, Detector


def test_what_the_attacker_wrote_is_no_trace() -> None:
    detector = Detector(["hidden", "of beta"], {"hidden": "absent"})

    assert detector.traces(Answer("value", "no such table hidden_notes"), "hidden_notes") == []
    assert detector.traces(Answer("value", "received 'hidden\\x00'"), "hidden\0") == []
    assert detector.traces(Answer("value", f"at {('hidden' * 50)[:120]}…"), "hidden" * 50) == []
    assert detector.traces(Answer("value", "expected Hidden_notes"), "notes") == ["hidden"]


def test_a_stranger_answered_alike_is_no_difference() -> None:
    detector = Detector(["hidden"], {"hidden": "absent"})
    answer, stranger = Answer("refused", "no hidden, id 1", ("1",)), Answer("refused", "no absent, id 2", ("2",))

    assert detector.never("hidden-hall") == "absent-hall"
    assert detector.differs(answer, stranger) is None
    assert detector.differs(answer, Answer("value", "no absent, id 2", ("2",)))
    assert detector.differs(answer, Answer("refused", "never heard of absent", ("2",)))
