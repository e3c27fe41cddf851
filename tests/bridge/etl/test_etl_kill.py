"""kill -9 in the middle of an input: the next run completes it, every row exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.etl.memory import runs
from bridge.etl.run import BEFORE_LOADED
from bridge.journal import BEFORE_FSYNC

ROWS = 45_000
PIPELINE = """
pipeline: lab
source: {files: {folder: DATA, format: csv, settle_s: 0}}
transform: [{cast: {ts: timestamp, ph: float}}]
load: {readings: {equipment: tank-1, time: ts, signals: {ph: ph}}}
"""


def run(home: Path, faults: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "bridge", "etl", "run", "lab", "--home", str(home)]
    return subprocess.run(
        command, env=os.environ | {"GOLDLAYER_FAULTS": str(faults)}, capture_output=True, text=True, timeout=120
    )


@pytest.mark.long
def test_dying_twice_doubles_and_loses_nothing(bench, tmp_path: Path) -> None:
    bench.write(PIPELINE)
    lines = [f"2024-03-01T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}Z,{s % 7}" for s in range(ROWS)]
    (bench.data / "big.csv").write_text("ts,ph\n" + "\n".join(lines) + "\n")
    bench.close()
    bench.store._release()
    for point in (BEFORE_LOADED, BEFORE_FSYNC):
        (tmp_path / point).touch()
        assert run(bench.home, tmp_path).returncode == -signal.SIGKILL
    done = run(bench.home, tmp_path)
    assert done.returncode == 0, done.stderr
    bench.store._take()
    bench.open()
    found = [(one.ts_us, one.value) for one in bench.readings()]
    assert len(found) == len(set(found)) == ROWS
    newest, *dead = runs(bench.connection, "lab", 9)
    # The dead runs' requests are run as well, and find nothing to do.
    assert sum(one.inputs for one in (newest, *dead)) == 1
    assert {one.state for one in dead} >= {"interrupted"}
    assert max(one.written for one in (newest, *dead)) == ROWS
