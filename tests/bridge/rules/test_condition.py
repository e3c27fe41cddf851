"""Limits, hysteresis, durations and rates by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from bridge.rules.condition import beyond, changes
from bridge.rules.form import EdgeRule
from bridge.rules.layout import Layout
from bridge.rules.measure import Rows, rates, rates_over
from bridge.rules.memory import Memory, State
from bridge.rules.plan import Watch

S = 1_000_000


def laid(**condition: dict[str, object]) -> Layout:
    told = {"rule": "one", "equipment": ["p1"], "signal": "a", "event": "e", **condition}
    return Layout.of([Watch(EdgeRule.model_validate(told), "p1", None, "site", "d")])


def rows(ts: list[float], values: list[float]) -> Rows:
    return Rows(np.zeros(len(ts), np.intp), np.array([int(one * S) for one in ts], np.int64), np.array(values))


def nothing() -> State:
    return State.of([(Memory(), ["a"])])


def test_hysteresis_and_duration() -> None:
    limits = laid(threshold={"above": 10, "hysteresis": 2, "for": "PT2S"}).limits
    mine = rows(list(range(11)), [11, 9, 11, 11, 11, 9, 8.5, 8, 11, 11, 11])
    state = nothing()
    places, raised = changes(limits, mine, state)
    assert list(zip(places.tolist(), raised.tolist(), strict=True)) == [(4, True), (7, False), (10, True)]
    assert state.standing.tolist() == [1]


def test_both_limits() -> None:
    limits = laid(threshold={"above": 10, "below": 0, "hysteresis": 1}).limits
    hot, cool = beyond(limits, rows(list(range(7)), [-1, 0, 0.5, 1, 9, 9.5, 11.0]))
    assert hot.tolist() == [True, False, False, False, False, False, True]
    assert cool.tolist() == [False, False, False, True, True, False, False]


def test_rates_from_one_value_to_the_next_and_over_a_time() -> None:
    mine = rows([0, 1, 3, 3.5], [0.0, 2.0, 2.0, 1.0])
    found = rates(mine, nothing())
    assert (found.ts.tolist(), found.value.tolist()) == (mine.ts[1:].tolist(), [2.0, 0.0, -2.0])
    found = rates_over(mine, nothing(), laid(rate={"above": 1, "over": "PT3S"}).over)
    assert (found.ts.tolist(), found.value.tolist()) == ([3 * S], [pytest.approx(2 / 3)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"threshold": {}}, "name `above`"),
        ({"threshold": {"above": 1, "below": 0, "hysteresis": 1}}, "could never clear"),
        ({"stuck": {"for": "PT1M"}}, "name one of"),
        ({"equipment": ["p1"]}, "equipment_type"),
        ({"signals": ["a"]}, "`signal` or `signals`"),
        ({"threshold": {"above": 1, "for": "soon"}}, "ISO 8601"),
    ],
)
def test_what_is_no_rule(change: dict[str, object], words: str) -> None:
    rule = {"rule": "hot", "equipment_type": "pump", "signal": "t", "event": "hot", "threshold": {"above": 1}}
    EdgeRule.model_validate(rule)
    with pytest.raises(ValidationError, match=words):
        EdgeRule.model_validate(rule | change)
