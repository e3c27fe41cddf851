"""Memory of process trees."""

from __future__ import annotations

import os
import subprocess
import sys

from core.run.memory import process_bytes, tree_bytes, tree_pids, watched_memory

_HOLD = "held = bytearray(64 << 20)\nprint('held', flush=True)\ninput()"


def hold() -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


async def test_descendants_count_unless_they_are_excluded():
    child = hold()
    try:
        assert process_bytes(child.pid) > 64 << 20
        assert {os.getpid(), child.pid} <= tree_pids([os.getpid()])
        assert child.pid not in tree_pids([os.getpid()], {child.pid})
        assert tree_bytes([os.getpid()]) - tree_bytes([os.getpid()], {child.pid}) > 60 << 20
    finally:
        child.communicate("\n")
    assert process_bytes(child.pid) == 0


async def test_the_peak_outlives_what_made_it():
    async with watched_memory(lambda: [os.getpid()], every_s=0.05) as peak:
        before = tree_bytes([os.getpid()])
        child = hold()
        while peak.peak_bytes < before + (60 << 20):
            import asyncio

            await asyncio.sleep(0.02)
        child.communicate("\n")
    assert peak.peak_bytes > before + (60 << 20)
    assert peak.samples >= 2
