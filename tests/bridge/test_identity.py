"""New, again or in conflict: by equipment, signal and source time."""

from __future__ import annotations

import math

import pytest

from bridge import identity
from bridge.identity import IdentityIndex, Verdict, fingerprint
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


def test_values_python_hashes_alike_are_told_apart():
    assert hash(-1.0) == hash(-2.0)
    assert fingerprint(-1.0, None, 0) != fingerprint(-2.0, None, 0)
    assert fingerprint(-0.0, None, 0) == fingerprint(0.0, None, 0)
    assert fingerprint(float("nan"), None, 0) == fingerprint(float("nan"), None, 0)
    assert fingerprint(None, None, 0) != fingerprint(0.0, None, 0)
    assert fingerprint(1, None, 0) == fingerprint(1.0, None, 0)
