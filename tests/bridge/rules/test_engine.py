"""Columns against a plain reading of each rule, whatever comes, however it is cut and wherever it begins anew."""

from __future__ import annotations

import json
import random

import pytest

from bridge.contract.columns import Columns, columns_of
from bridge.rules.form import EdgeRule
from bridge.rules.memory import NEVER, Memory, State, withdrawn
from bridge.rules.model import MODEL, Pca
from bridge.rules.plan import Watch
from bridge.rules.watching import Watching
from core.contracts.reading import Sample, readings_to_arrow
from tests.bridge.rules.plainly import Plainly

S = 1_000_000
MACHINES = ("p1", "p2", "p3")
SIGNALS = ("a", "b", "c")
_HALF = 0.5**0.5
MODELS = {
    "z": MODEL.validate_python({"kind": "robust_z", "median": 1, "mad": 0.7}),
    "ewma": MODEL.validate_python({"kind": "ewma", "mean": 0.3, "sigma": 1.1, "weight": 0.3}),
    "two": MODEL.validate_python(
        {"kind": "pca", "mean": [0.1, 1], "scale": [1.3, 0.7], "components": [[_HALF, _HALF]], "limit": 2}
    ),
    "three": MODEL.validate_python(
        {"kind": "pca", "mean": [0] * 3, "scale": [3, 2, 1], "components": [[1, 0, 0], [0, 0.6, 0.8]], "limit": 1.5}
    ),
}


def rule(name: str, **more: object) -> EdgeRule:
    told = {"rule": name, "equipment_type": "pump", "event": f"e_{name}", "signal": "a", **more}
    return EdgeRule.model_validate({key: one for key, one in told.items() if one is not None})


def anomaly(name: str, model: str, signals: list[str], limit: float, *, score: bool) -> EdgeRule:
    told = {"model": f"{model}.json", "above": limit, "hysteresis": 0.2, **({"score": f"s_{name}"} if score else {})}
    return rule(name, signal=None, signals=signals, anomaly=told)


RULES = (
    rule("hot", threshold={"above": 1, "hysteresis": 0.5, "for": "PT2S"}),
    rule("cold", threshold={"below": -2, "hysteresis": 0.5}),
    rule("either", signal="b", threshold={"above": 2, "below": -2, "hysteresis": 1, "for": "PT2S"}),
    rule("fast", rate={"above": 1, "below": -1}),
    rule("trend", signal="b", rate={"above": 0.05, "over": "PT3S"}),
    rule("still", stuck={"for": "PT2S"}),
    rule("nearly", signal="c", stuck={"for": "PT5S", "within": 1}),
    anomaly("odd", "z", ["b"], 2, score=True),
    anomaly("drift", "ewma", ["c"], 1, score=False),
    anomaly("far", "two", ["a", "c"], 0.5, score=True),
    anomaly("off", "three", ["c", "a", "b"], 1, score=False),
)


def watches() -> list[Watch]:
    """Every rule on every machine, one of which is known to one rule alone."""
    by_file = {one.rule: MODELS.get(one.anomaly.model.removesuffix(".json") if one.anomaly else "") for one in RULES}
    return [
        Watch(one, machine, by_file[one.rule], "site", "of the rule")
        for one in RULES
        for machine in (MACHINES[:2] if one.rule != "cold" else MACHINES)
    ]


def walk(seed: int, *, in_rounds: bool) -> list[Sample]:
    """Readings that wander; bad ones, late ones and ones that are no number among them, unless they come in rounds."""
    chance = random.Random(seed)
    found: list[Sample] = []
    now = dict.fromkeys(((machine, signal) for machine in MACHINES for signal in SIGNALS), 0.0)
    for second in range(120):
        for machine, signal in now:
            if not in_rounds and chance.random() < 0.3:
                continue
            if chance.random() < 0.7:
                now[machine, signal] = round(now[machine, signal] * 0.9 + chance.gauss(0, 1.2), chance.choice([0, 1]))
            value: float | None = now[machine, signal]
            ts, quality = second * S, 0
            match None if in_rounds else chance.randint(0, 20):
                case 0:
                    value = chance.choice([float("nan"), float("inf"), -float("inf"), None])
                case 1:
                    quality = chance.choice([0x80000000, 0x40000000])
                case 2:
                    ts -= chance.randint(0, 5) * S
                case 3:
                    ts += chance.randint(0, 3) * S
            if value is None:
                quality = 0x809B0000
            found.append(Sample(machine, signal, ts, value, None, quality))
    return found


def cut(samples: list[Sample], chance: random.Random) -> list[list[Sample]]:
    """Steps of any size, of one reading as well."""
    found: list[list[Sample]] = []
    while samples:
        size = chance.choice([1, 2, 5, 9, 18, 40, 200])
        found.append(samples[:size])
        samples = samples[size:]
    return found


def columns(samples: list[Sample]) -> Columns:
    return columns_of([readings_to_arrow("site", samples)])


def again(watching: Watching) -> Watching:
    """The same out of what would be stored."""
    memories = {}
    for mine, state in watching.moved():
        names = list(mine[0].rule.inputs)
        stored = State.load(state.dump(), len(mine), len(names)).memories([names] * len(mine))
        memories |= {one.key: memory for one, memory in zip(mine, stored, strict=True)}
    return Watching(watches(), memories)


@pytest.mark.parametrize("in_rounds", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_columns_say_what_a_plain_reading_says(seed: int, in_rounds: bool) -> None:
    samples = walk(seed, in_rounds=in_rounds)
    plain = [Plainly(one) for one in watches()]
    expected = [made for sample in samples for one in plain for made in one.take(sample)]
    assert {one.signal for one in expected} >= {f"e_{one.rule}" for one in RULES} | {"s_odd", "s_far"}

    chance = random.Random(seed + 100)
    watching = Watching(watches(), {one.key: Memory() for one in watches()})
    found: list[Sample] = []
    for step in cut(samples, chance):
        found += watching.look(columns(step))
        if chance.random() < 0.2:
            watching = again(watching)
    assert sorted(found) == sorted(expected)
    for series in {(one.equipment_id, one.signal) for one in found}:
        times = [one.ts_us for one in found if (one.equipment_id, one.signal) == series]
        assert times == sorted(times)


def test_what_fails_is_set_aside_with_what_it_remembers(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Pca.model_construct(kind="pca", mean=(0, 0), scale=(1, 1), components=((1, 0, 0),) * 2, limit=1)
    far = next(one for one in watches() if one.rule.rule == "far")
    mine = [*watches(), Watch(far.rule, "p3", broken, "site", "of the rule")]
    before = {one.key: Memory(newest={"a": 7}) if one.machine == "p3" else Memory() for one in mine}
    watching = Watching(mine, before)
    samples = [one for one in walk(1, in_rounds=True) if one.ts_us > 7]
    plain = [Plainly(one) for one in watches()]
    found = watching.look(columns(samples[:500]))
    assert "set aside" in "".join(capsys.readouterr())
    found += watching.look(columns(samples[500:]))
    assert sorted(found) == sorted(made for sample in samples for one in plain for made in one.take(sample))
    ((of_rule, state),) = [one for one in watching.moved() if one[0][0].rule is far.rule]
    kept = dict(zip([one.machine for one in of_rule], state.memories([["a", "c"]] * 3), strict=True))
    assert (set(kept), kept["p3"].newest) == ({"p1", "p2", "p3"}, {"a": 7})


def test_what_no_rule_looks_at_is_passed_over() -> None:
    watching = Watching(watches(), {one.key: Memory() for one in watches()})
    made, read = Sample("p1", "e_hot", S, 1.0, None, 0), Sample("p1", "a", S, 1.0, None, 0)
    many = [Sample("p1", f"other{n}", S, 1.0, None, 0) for n in range(100)]
    told = [watching.looks_at(readings_to_arrow("site", some)) for some in ([made], [made, read], many)]
    assert told == [False, True, True]


def test_memories_come_back_as_they_were() -> None:
    full = Memory(True, 5, {"a": 9, "c": 8}, (3, 0.1 + 0.2), {"c": 1e-300}, [2 / 3], 11)
    state = State.of([(Memory(), ["a", "c"]), (full, ["a", "c"])])
    assert state.since.tolist() == [NEVER, 5]
    loaded = State.load(state.dump(), 2, 2)
    assert loaded.memories([["a", "c"]] * 2) == [Memory(), full]
    with pytest.raises(ValueError, match="buffer"):
        State.load(state.dump()[:-8], 2, 2)
    assert withdrawn("hot", "p1", full)[0].ts_us == 10
    assert withdrawn("hot", "p1", Memory(standing=True)) == []
    assert json.loads(json.dumps(full.anchor)) == [3, 0.1 + 0.2]
