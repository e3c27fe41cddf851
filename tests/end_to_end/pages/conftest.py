"""The pages of a finished demo, to look at with a real browser."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.run.ports import free_port
from tests.browser import Browser, Page, chromium, tab


@dataclass(frozen=True)
class Served:
    """Addresses of the pages."""

    dagster: str
    agents: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a file of tests."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def served(demo: Any, road: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages over the folder that the demo left; at the end both services stop cleanly and nothing stays."""
    logs = tmp_path_factory.mktemp("pages")
    started: list[tuple[subprocess.Popen[bytes], Path]] = []

    def start(name: str, *words: object) -> str:
        port = free_port()
        log = logs / f"{name}.log"
        started.append((road.start(road.platform, *words, "--run", demo.run, "--port", port, output=log), log))
        return f"http://127.0.0.1:{port}"

    dagster, agents = start("dagster", "dagster", "webserver"), start("agents", "agents", "run")
    try:
        for (process, log), url in zip(started, (f"{dagster}/server_info", f"{agents}/health"), strict=True):
            end = time.monotonic() + 120
            while not answers(url):
                assert process.poll() is None and time.monotonic() < end, log.read_text()[-4000:]
                time.sleep(0.1)
        yield Served(dagster, agents)
    finally:
        for process, _ in started:
            process.send_signal(signal.SIGTERM)
        codes = [ended(process) for process, _ in started]
    assert codes == [0, 0], [log.read_text()[-2000:] for _, log in started]
    every = [word for one in psutil.process_iter(["cmdline"]) for word in one.info["cmdline"] or []]
    assert [word for word in every if str(demo.run) in word] == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new tab, which must have nothing to complain about at the end."""
    with tab(browser) as opened:
        yield opened


def ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code; None if it had to be killed."""
    try:
        return process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def answers(url: str) -> bool:
    """Whether something is served there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except OSError:
        return False
