from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from examples.plant.progress import Pace, Progress, write_progress


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_speed_is_recorded_seconds_in_one_second() -> None:
    clock = _Clock()
    pace = Pace(np.array([0.0, 3600.0, 7200.0]), 1800.0, clock)
    assert pace.wait_s(1) == pytest.approx(2.0)
    clock.now += 2.0
    assert pace.wait_s(1) == 0.0
    assert pace.wait_s(2) == pytest.approx(2.0)


def test_time_spent_waiting_for_readers_is_not_caught_up() -> None:
    clock = _Clock()
    pace = Pace(np.array([0.0, 10.0, 20.0]), 1.0, clock)
    clock.now += 1000.0
    pace.restart(1)
    assert pace.wait_s(2) == pytest.approx(10.0)


def test_without_a_speed_nothing_waits() -> None:
    assert Pace(np.array([0.0, 1e9]), None).wait_s(1) == 0.0


def test_the_state_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "plants" / "a.json"
    write_progress(path, Progress(10, 3, 150, 45, done=False))
    write_progress(path, Progress(10, 10, 150, 150, done=True))
    assert json.loads(path.read_text()) == {
        "steps_total": 10,
        "steps_served": 10,
        "readings_total": 150,
        "readings_served": 150,
        "done": True,
    }
    assert [one.name for one in path.parent.iterdir()] == ["a.json"]
