"""Fault points: nothing happens unless armed, and an armed one dies as kill -9 would."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import clock, faults


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    faults.arm(tmp_path)
    yield tmp_path
    faults.arm(None)


def test_nothing_is_armed_by_default():
    assert not faults.fails_here("disk")
    assert faults.number("clock") == 0.0
    faults.die_here("anything")


def test_a_point_fails_while_its_file_lies_there(folder: Path):
    assert not faults.fails_here("disk")
    (folder / "disk").touch()
    assert faults.fails_here("disk")
    (folder / "disk").unlink()
    assert not faults.fails_here("disk")


def test_one_process_takes_the_charge(tmp_path: Path):
    (tmp_path / "here").touch()
    program = (
        "import sys, pathlib; from core import faults; faults.arm(pathlib.Path(sys.argv[1])); faults.die_here('here')"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    codes = [subprocess.run(words, cwd=Path(__file__).parents[2], check=False).returncode for _ in range(2)]
    assert codes == [-signal.SIGKILL, 0]


def test_the_clock_is_wrong_by_what_the_point_says(folder: Path):
    (folder / clock.CLOCK).write_text("-3600")
    behind = time.time_ns() // 1000 - clock.now_us()
    assert 3_590_000_000 < behind < 3_610_000_000
    assert clock.now().tzinfo is not None
