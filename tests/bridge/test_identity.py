"""New, again or in conflict: by equipment, signal and source time."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from bridge import identity
from bridge.block import Block, Legend
from bridge.identity import IdentityIndex, Verdict, fingerprint, fingerprints
from bridge.journal import samples_of
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import Sample, readings_to_arrow


def sample(ts: int, value: float | None, quality: int = GOOD, text: str | None = None) -> Sample:
    return Sample("p1", "flow", ts, value, text, quality)


def nothing_old(series: tuple[str, str], ts_us: int) -> list[Sample]:
    raise AssertionError("nothing is old enough to be looked up")


def test_a_re_read_is_dropped_and_another_value_is_a_conflict() -> None:
    index = IdentityIndex(nothing_old)
    assert index.admit(sample(5, 1.0)) is Verdict.NEW
    assert index.admit(sample(5, 1.0)) is Verdict.AGAIN
    assert index.admit(sample(5, 2.0)) is Verdict.CONFLICT
    assert index.admit(sample(5, 1.0)) is Verdict.AGAIN
    assert index.admit(sample(5, 2.0)) is Verdict.AGAIN
    assert index.admit(sample(3, 1.0)) is Verdict.NEW
    assert index.newest() == {("p1", "flow"): 5}


@pytest.mark.parametrize(
    "one", [sample(1, math.nan), sample(1, None, BAD_NO_DATA), sample(1, None, GOOD, "on"), sample(1, math.inf)]
)
def test_every_kind_of_value_is_known_again(one: Sample) -> None:
    index = IdentityIndex(nothing_old)
    assert index.admit(one) is Verdict.NEW
    assert index.admit(Sample(*one)) is Verdict.AGAIN
    assert index.admit(one._replace(quality=0x40000000)) is Verdict.CONFLICT


def test_a_journal_gives_its_memory_back() -> None:
    frames = [readings_to_arrow("loop", [sample(ts, float(ts)) for ts in part]) for part in ([3, 4], [1, 2])]
    index = IdentityIndex.rebuild(iter(frames), nothing_old)
    assert [index.admit(sample(ts, float(ts))) for ts in (1, 2, 3, 4, 5)] == [Verdict.AGAIN] * 4 + [Verdict.NEW]


def test_what_memory_forgot_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "REMEMBERED", 8)
    journaled: list[Sample] = []

    def find(series: tuple[str, str], ts_us: int) -> list[Sample]:
        return [one for one in journaled if one.ts_us == ts_us]

    index = IdentityIndex(find)
    for ts in range(0, 100, 2):
        one = sample(ts, float(ts))
        assert index.admit(one) is Verdict.NEW
        journaled.append(one)
        index.journaled()
    assert index.admit(sample(0, 0.0)) is Verdict.AGAIN
    assert index.admit(sample(0, 9.0)) is Verdict.CONFLICT
    assert index.admit(sample(1, 1.0)) is Verdict.NEW
    assert index.admit(sample(1, 1.0)) is Verdict.AGAIN
    assert index.admit(sample(4, 4.0)) is Verdict.AGAIN
    assert index.admit(sample(98, 98.0)) is Verdict.AGAIN


@pytest.mark.parametrize("seed", range(8))
def test_blocks_are_judged_as_their_readings_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "REMEMBERED", 20)
    monkeypatch.setattr(identity, "_SETTLED_ROWS", 30)
    dice = random.Random(seed)
    series = [("p1", f"s{n}") for n in range(6)]
    journaled: list[Sample] = []

    def find(one: tuple[str, str], ts_us: int) -> list[Sample]:
        return [old for old in journaled if (*one, ts_us) == old[:3]]

    before = [readings_to_arrow("loop", [Sample("p1", "s0", 3, 1.0, None, GOOD), Sample("p1", "s1", 9, 1.0, "on", 0)])]
    several, single = (IdentityIndex.rebuild(iter(before), find) for _ in range(2))
    journaled.extend(samples_of(before[0]))
    legend = Legend(series)
    for moment in range(60):
        rows = dice.randrange(1, 9)
        block = Block(
            legend,
            np.array([dice.randrange(6) for _ in range(rows)], np.int32),
            np.array([max(moment + dice.choice([0, 0, 1, 2, -1, -30]), 0) for _ in range(rows)], np.int64),
            np.array([dice.choice([0.0, -0.0, 1.0, math.nan, math.inf]) for _ in range(rows)]),
            np.array([dice.random() < 0.8 for _ in range(rows)]),
            np.array([dice.choice([GOOD, 0x40000000, BAD_NO_DATA]) for _ in range(rows)], np.uint32),
        )
        texts = [Sample("p1", "s5", moment + 1, None, dice.choice("ab"), GOOD)] if moment % 3 == 0 else []
        newer = several.admit_newer(block)
        left = iter([several.admit(one) for one in block.take(~newer).samples()])
        expected = [single.admit(one) for one in block.samples()]
        assert [Verdict.NEW if new else next(left) for new in newer] == expected
        assert [several.admit(one) for one in texts] == [single.admit(one) for one in texts]
        journaled += [
            one for one, verdict in zip(block.samples(), expected, strict=True) if verdict is not Verdict.AGAIN
        ]
        journaled += texts
        several.journaled()
        single.journaled()
    assert several.newest() == single.newest()


def test_values_python_hashes_alike_are_told_apart():
    assert hash(-1.0) == hash(-2.0)
    assert fingerprint(-1.0, None, 0) != fingerprint(-2.0, None, 0)
    assert fingerprint(-0.0, None, 0) == fingerprint(0.0, None, 0)
    assert fingerprint(float("nan"), None, 0) == fingerprint(float("nan"), None, 0)
    assert fingerprint(None, None, 0) != fingerprint(0.0, None, 0)
    assert fingerprint(1, None, 0) == fingerprint(1.0, None, 0)


def test_many_fingerprints_are_the_same_as_one_by_one():
    values = [0.0, -0.0, 1.5, -1e308, math.nan, -math.nan, math.inf, 5e-324, 7.0]
    quality = [GOOD, GOOD, BAD_NO_DATA, 0xFFFFFFFF, 0x40000000, 0x40000000, 0, 1, 2]
    valid = [True] * 8 + [False]
    many = fingerprints(np.array(values), np.array(valid), np.array(quality, np.uint32))
    rows = zip(values, valid, quality, strict=True)
    assert many.tolist() == [fingerprint(value if there else None, None, one) for value, there, one in rows]
