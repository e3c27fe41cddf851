"""Full resolution on site, asked by signal and source time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.driver import Scan
from bridge.historian import query
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


def test_a_folder_without_a_bridge_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bridge has run here"):
        query(tmp_path, "p1", "flow", NOON, NOON)
