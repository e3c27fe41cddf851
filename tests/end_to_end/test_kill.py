"""kill -9 of everything at once, in the middle of the stream: nothing is lost, doubled or left running."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from bridge.books import read_books
from core.errors import GoldlayerError

pytestmark = pytest.mark.end_to_end
SITES = {"opcua-loop": "opcua", "modbus-loop": "modbus"}


def of(run: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and (
            any(str(run) in word for word in words) or str(run) in str(process.info["cwd"])
        ):
            found.append(process)
    return found


def wait_until(condition, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def sent(run: Path) -> list[int]:
    """Rows that each bridge has put into its outbox."""
    try:
        return [read_books(run / "bridges" / site).sent for site in SITES]
    except GoldlayerError:
        return [0] * len(SITES)


def dies(road, reachable: Path, times: int) -> None:
    """The supervisor of a walk, while a bridge of either protocol streams; then a walk that ends."""
    rows = road.small_rows(4000)
    for site, protocol in SITES.items():
        sites = road.small_site(reachable / "sites", rows, protocol, site)
    run = reachable / "run"
    argv = [road.platform, "demo", "--once", "--sites", sites, "--run", run]
    for round_ in range(times):
        walk = road.start(*argv, "--speed", 400, output=reachable / f"walk{round_}.log")
        before = sent(run)
        wait_until(
            lambda before=before, walk=walk: (
                all(now > then + 300 for now, then in zip(sent(run), before, strict=True)) or walk.poll() is not None
            ),
            120,
            "nothing was sent",
        )
        assert walk.poll() is None, (reachable / f"walk{round_}.log").read_text()[-2000:]
        walk.send_signal(signal.SIGKILL)
        walk.wait()
        wait_until(lambda: of(run) == [], 30, f"left running: {of(run)}")
    ended = road.run(*argv)
    assert ended.code == 0, ended.output[-3000:]
    readings = ended.summary["readings"]
    assert (readings["lost"], readings["duplicated"], readings["gap_readings"]) == (0, 0, 0)
    assert readings["read"] == len(SITES) * 3 * (len(rows) - 1)


@pytest.mark.long
def test_the_supervisor_dies(road, reachable: Path):
    dies(road, reachable, 1)
