"""Full resolution on site, asked by signal and source time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.driver import Scan
from bridge.historian import count, newest, query, sampled
from bridge.recorder import Recorder
from bridge.store import Store
from core.contracts.reading import Sample, to_us
from core.errors import InputError

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def test_every_journaled_reading_is_there_in_source_order_also_withheld_ones(tmp_path: Path, build) -> None:
    def sample(name: str, second: int) -> Sample:
        return Sample("p1", name, to_us(NOON) + second * 1_000_000, float(second), None, 0)

    with Store.open(tmp_path) as store:
        recorder = Recorder(store, build("- name: flow").site, clocked=True)
        for seconds in ((5, 6), (1, 2), (3, 4)):
            recorder.record([Scan([sample(name, second) for second in seconds for name in ("flow", "level")])])
        found = query(tmp_path, "p1", "level", NOON + timedelta(seconds=2), NOON + timedelta(seconds=6))
        recorder.close()
    assert found.column("value").to_pylist() == [2.0, 3.0, 4.0, 5.0]
    assert found.column("ts").to_pylist() == [NOON + timedelta(seconds=second) for second in (2, 3, 4, 5)]
    assert query(tmp_path, "p1", "level", NOON - timedelta(days=1), NOON).num_rows == 0


def test_few_of_many_are_the_newest_however_they_lie(tmp_path: Path, build) -> None:
    dice = random.Random(5)
    # Dense stretches with days of silence between them, so that one look back is not enough.
    seconds = sorted({day * 86_400 + dice.randrange(600) for day in (0, 1, 2, 9, 10) for _ in range(60)})
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, build("- name: flow").site, clocked=False)
        samples = [Sample("p1", "flow", to_us(NOON) + one * 1_000_000, float(one), None, 0) for one in seconds]
        recorder.record([Scan(samples)])
        series, since = ("p1", "flow"), 30
        stretch = NOON + timedelta(seconds=since), NOON + timedelta(days=20)
        inside = [one for one in seconds if one >= since]
        firsts = [
            min(one for one in seconds if one // 60 == minute) for minute in sorted({one // 60 for one in seconds})
        ]
        thinned = [one for one in firsts if one >= since]
        assert count(tmp_path, series, stretch) == len(inside)
        for most in (1, 2, 7, 13, 1_000):
            assert newest(tmp_path, series, stretch, most)["value"].to_pylist() == inside[-most:]
            assert sampled(tmp_path, series, stretch, 60_000_000, most)["value"].to_pylist() == thinned[-most:]
        assert sampled(tmp_path, ("p1", "level"), stretch, 60_000_000, 5).num_rows == 0
        recorder.close()


def test_a_folder_without_a_bridge_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bridge has run here"):
        query(tmp_path, "p1", "flow", NOON, NOON)
