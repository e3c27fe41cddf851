"""`platform agents run` as a process: it answers, and a stop that was asked for is no failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from core.run.ports import free_port

pytestmark = pytest.mark.integration


def started(run: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "cli.main", "agents", "run", "--run", str(run), "--port", str(port)]
    settings = {"GOLDLAYER_POSTGRES__DURABLE": "false", **environment}
    return subprocess.Popen(argv, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True)


def test_it_serves_until_it_is_told_to_stop(reachable: Path) -> None:
    port = free_port()
    process = started(reachable / "run", port, GOLDLAYER_AGENTS__PROVIDER="offline")
    try:
        for _ in range(600):
            assert process.poll() is None, process.stderr and process.stderr.read()
            try:
                health = httpx.get(f"http://127.0.0.1:{port}/health").json()
                break
            except httpx.TransportError:
                time.sleep(0.2)
        assert (health["status"], health["providers"]) == ("ok", "offline/offline-analyst")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_a_provider_without_a_key_is_one_error(reachable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GOLDLAYER_AGENTS__ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    process = started(reachable / "run", free_port(), GOLDLAYER_AGENTS__PROVIDER="anthropic")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "provider anthropic has no key" in said
    assert "Traceback" not in said
