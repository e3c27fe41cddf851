from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.main import main
from core.run.ports import free_port

_SITE = """
tenant: newcomer-co
site: test-loop
protocol: {protocol}
recording: {{path: recording.csv, timestamp: {{column: t, format: epoch_s}}}}
equipment:
  - {{id: pump-1, type: pump, signals: [{{name: flow, unit: l/min}}]}}
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(params=["opcua", "modbus"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "recording.csv").write_text("t,flow\n0,1.5\n1,2.5\n")
    path = tmp_path / "site.yaml"
    path.write_text(_SITE.format(protocol=request.param))
    return path


def _arguments(site: Path, port: int) -> list[str]:
    return ["plant", "run", "--site", str(site), "--port", str(port), "--state", str(site.parent / "state.json")]


@pytest.mark.integration
def test_it_serves_until_it_is_told_to_stop(site: Path, port: int) -> None:
    state = site.parent / "state.json"
    with subprocess.Popen([sys.executable, "-m", "cli.main", *_arguments(site, port)]) as process:
        while not state.exists() and process.poll() is None:
            time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert json.loads(state.read_text()) == {
        "steps_total": 2,
        "steps_served": 0,
        "readings_total": 2,
        "readings_served": 0,
        "done": False,
    }


def test_a_taken_port_is_one_line_and_code_2(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        assert main(_arguments(site, owner.getsockname()[1])) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("error:")]
    assert "cannot listen" in line
    assert "choose a free port" in line


def test_a_site_without_a_recording_is_refused(site: Path, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    site.write_text("\n".join(line for line in site.read_text().splitlines() if not line.startswith("recording")))
    assert main(_arguments(site, port)) == 2
    assert "no recording to replay" in capsys.readouterr().err
    assert not (site.parent / "state.json").exists()


def test_a_speed_of_zero_is_refused(site: Path, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_arguments(site, port), "--speed", "0"]) == 2
    assert "a number above 0" in capsys.readouterr().err
