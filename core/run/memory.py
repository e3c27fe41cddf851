"""How much memory a tree of processes takes: proportional set size, so that shared pages count once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import psutil


def process_bytes(pid: int) -> int:
    """Proportional set size of one process, its resident size where the kernel does not tell; 0 when it is gone."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def tree_pids(roots: Collection[int], exclude: Collection[int] = ()) -> set[int]:
    """The given processes and all their descendants, without the excluded ones and theirs."""
    return _with_descendants(roots) - _with_descendants(exclude)


def _with_descendants(roots: Collection[int]) -> set[int]:
    found: set[int] = set()
    # Each root costs a look at every process of the machine, so those below another one get none of their own;
    # parents come first in the order of their numbers.
    for root in sorted(roots):
        if root not in found:
            found.add(root)
            with contextlib.suppress(psutil.Error):
                found |= {child.pid for child in psutil.Process(root).children(recursive=True)}
    return found


def tree_bytes(roots: Collection[int], exclude: Collection[int] = ()) -> int:
    """Memory of process trees, in bytes; see `tree_pids` for what `exclude` leaves out."""
    return sum(process_bytes(pid) for pid in tree_pids(roots, exclude))


class PeakMemory:
    """The largest sum seen so far.

    Attributes:
        peak_bytes: that sum.
        samples: how often it was looked at.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self.samples = 0

    def add(self, size: int) -> None:
        self.samples += 1
        self.peak_bytes = max(self.peak_bytes, size)


_REST = 50
"""Pause after a look, in times of what it cost: adding up the pages of many processes is work, for the machine too."""


@asynccontextmanager
async def watched_memory(
    roots: Callable[[], Collection[int]],
    exclude: Callable[[], Collection[int]] = lambda: (),
    *,
    every_s: float = 1.0,
) -> AsyncGenerator[PeakMemory]:
    """Sample the memory of process trees for a block, at its begin and end too.

    Args:
        roots: the trees, asked anew each time.
        exclude: processes that do not count, with their descendants, asked anew each time.
        every_s: pause between two samples, longer where one takes more than a fiftieth of it.
    """
    peak = PeakMemory()

    async def look() -> float:
        size, cost_s = await asyncio.to_thread(_weighed, roots(), exclude())
        peak.add(size)
        return cost_s

    async def keep_looking() -> None:
        while True:
            cost_s = await look()
            await asyncio.sleep(max(every_s, _REST * cost_s))

    task = asyncio.create_task(keep_looking())
    try:
        yield peak
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await look()


def _weighed(roots: Collection[int], exclude: Collection[int]) -> tuple[int, float]:
    """Memory of process trees, and the seconds of processor it took to know."""
    began = time.thread_time()
    size = tree_bytes(roots, exclude)
    return size, time.thread_time() - began
