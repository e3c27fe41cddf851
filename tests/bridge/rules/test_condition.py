"""Conditions against what a plain loop over the same values says, and the models against their textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from bridge.rules.condition import Memory, beyond, changes, crossings, rates, stuck
from bridge.rules.form import EdgeRule, Limits, Rate, Stuck
from bridge.rules.model import MODEL

S = 1_000_000


def seconds(*moments: float) -> np.ndarray:
    return np.array([int(one * S) for one in moments], dtype=np.int64)


def test_hysteresis_and_duration() -> None:
    limits = Limits.model_validate({"above": 10, "hysteresis": 2, "for": "PT2S"})
    values = np.array([11, 9, 11, 11, 11, 9, 8.5, 8, 11, 11, 11], dtype=float)
    ts = seconds(*range(11))
    memory = Memory()
    found = changes(memory, ts, *beyond(limits, values), 2 * S)
    assert found == [(4 * S, True), (7 * S, False), (10 * S, True)]
    assert memory.standing


def test_both_limits() -> None:
    hot, cool = beyond(Limits(above=10, below=0, hysteresis=1), np.array([-1, 0, 0.5, 1, 9, 9.5, 11.0]))
    assert hot.tolist() == [True, False, False, False, False, False, True]
    assert cool.tolist() == [False, False, False, True, True, False, False]


@pytest.mark.parametrize("seed", range(8))
def test_cut_anywhere_it_says_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(random.normal(0, 2, 300).cumsum() / 3)
    ts = np.cumsum(random.integers(1, 4, 300)).astype(np.int64) * S
    limits = Limits.model_validate({"above": 2, "below": -2, "hysteresis": 1, "for": "PT3S"})
    rate = Rate.model_validate({"above": 0.4, "over": "PT4S"})
    still = Stuck.model_validate({"for": "PT6S", "within": seed % 2})

    def walk(cuts: list[int]) -> list[object]:
        one, two, three = Memory(), Memory(), Memory()
        found: list[object] = []
        for part_ts, part in zip(np.split(ts, cuts), np.split(values, cuts), strict=True):
            if len(part):
                found += crossings(limits, one, part_ts, part)
                at, speeds = rates(rate, two, part_ts, part)
                found += [("rate", *change) for change in crossings(rate, two, at, speeds)]
                still_hot = stuck(still, three, part_ts, part)
                found += [("stuck", *change) for change in changes(three, part_ts, *still_hot, 0)]
                one, two, three = (Memory.load(memory.dump()) for memory in (one, two, three))
        return sorted(found, key=str)

    whole = walk([])
    assert whole
    assert walk(sorted(random.integers(0, 300, 25).tolist())) == whole


def test_rates_from_one_value_to_the_next_and_over_a_time() -> None:
    ts, values = seconds(0, 1, 3, 3.5), np.array([0.0, 2.0, 2.0, 1.0])
    at, found = rates(Rate(above=1), Memory(), ts, values)
    assert (at.tolist(), found.tolist()) == (ts[1:].tolist(), [2.0, 0.0, -2.0])
    at, found = rates(Rate.model_validate({"above": 1, "over": "PT3S"}), Memory(), ts, values)
    assert (at.tolist(), found.tolist()) == ([3 * S], [pytest.approx(2 / 3)])


def test_models_score_as_their_textbooks_say() -> None:
    z = MODEL.validate_python({"kind": "robust_z", "median": 10, "mad": 2})
    assert z.score(np.array([[10.0], [12.9652], [4.0]]), []) == pytest.approx([0, 1, 6 / 2.9652])
    memory: list[float] = []
    ewma = MODEL.validate_python({"kind": "ewma", "mean": 0, "sigma": 1, "weight": 0.2})
    first = ewma.score(np.array([[1.0], [1.0]]), memory)
    assert first == pytest.approx([0.2 / (1 / 3), 0.36 / (1 / 3)])
    assert memory == pytest.approx([0.36])
    half = 0.5**0.5
    pca = {"kind": "pca", "mean": [1, 1], "scale": [1, 1], "components": [[half, half]], "limit": 2}
    assert MODEL.validate_python(pca).score(np.array([[3.0, 3.0], [2.0, 0.0]]), []) == pytest.approx([0, 1])
    for wrong in ({"components": [[1, 1]]}, {"scale": [1]}, {"limit": 0}, {"mean": [float("nan"), 1]}):
        with pytest.raises(ValidationError):
            MODEL.validate_python(pca | wrong)


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
