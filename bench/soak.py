"""The road under live load for a while: no process may grow. `GOLDLAYER_BENCH_SOAK_S=3600` runs the full hour.

The median memory of the last quarter is held against that of the second, when everything is warm: at most five percent
and 20 MB more, for uplink, gateway and sink alike, each a process of its own.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from bench.claim import Claim
from bench.logs import addresses
from bench.road import TAGS, Place, new_place, progress, running
from core.log import configure

GROWTH, GROUND_MB = 1.05, 20.0
_EVERY_S = 1.0


def _memory(place: Place, seconds: float) -> dict[str, list[float]]:
    """Resident megabytes of each process, once a second, from the first commit on."""
    found: dict[str, list[float]] = defaultdict(list)
    with running(place) as processes:
        while not any(one.live_seq for one in progress(place)):
            time.sleep(_EVERY_S)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for name, one in processes.items():
                found[name].append(psutil.Process(one.pid).memory_info().rss / 1e6)
            time.sleep(_EVERY_S)
    return found


def _judge(name: str, samples: list[float]) -> Claim:
    quarter = len(samples) // 4
    second, last = statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[3 * quarter :])
    limit = second * GROWTH + GROUND_MB
    return Claim(name, "budget", round(last, 1), round(limit, 1), round(last / limit, 4), 1.0, last <= limit)


def claims() -> list[dict[str, object]]:
    """Megabytes of each process in the last quarter, against what they may be by the second."""
    configure("error")
    seconds = float(os.environ.get("GOLDLAYER_BENCH_SOAK_S", "120"))
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    found: list[Claim] = []
    try:
        with addresses(folder) as logs:
            for kind, address in logs:
                place = new_place(kind, address, folder / kind)
                memory = _memory(place, seconds)
                landed = progress(place)[-1].live_seq
                print(f"soak {kind}: {seconds:.0f} s, {landed * TAGS:,} readings in bronze", flush=True)
                found += [_judge(f"soak {kind} {name}", samples) for name, samples in memory.items()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [claim.as_dict() for claim in found]
