"""Bad input is one line and exit code 2, and leaves nothing behind."""

import socket
from pathlib import Path

import pytest
import yaml

from core.contracts.odcs import permissive_contract
from core.contracts.site import load_site


def refused(road, folder: Path, run: Path, says: str) -> None:
    before = sorted(p.name for p in folder.iterdir())
    ran = road.run(road.platform, "demo", "--once", "--sites", folder, "--run", run)
    lines = ran.output.strip().splitlines()
    assert ran.code == 2, ran.output
    assert len(lines) == 1, ran.output
    assert lines[0].startswith("error: ")
    assert says in lines[0]
    assert not run.exists()
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("column: Flow", "column: Flux", "Flux"),
        ("tenant: newcomer-co", "tenant: newcomer-co\nspede: 3", "unknown key 'spede'"),
        ("unit: l/min", "unit: zorg", "unknown unit"),
        ("path: recording.csv", "path: elsewhere.csv", "elsewhere.csv"),
        ("column: datetime", "column: when", "when"),
        ("%Y-%m-%d", "%d/%m/%Y", "timestamp"),
    ],
)
def test_a_wrong_site_file(road, reachable: Path, old: str, new: str, says: str):
    rows = road.small_rows(5)
    folder = road.small_site(reachable / "sites", rows)
    path = folder / "test-loop.yaml"
    path.write_text(path.read_text().replace(old, new))
    refused(road, folder, reachable / "run", says)


def test_an_unreadable_recording(road, reachable: Path):
    folder = road.small_site(reachable / "sites", road.small_rows(5))
    (folder / "recording.csv").unlink()
    (folder / "recording.csv").mkdir()
    refused(road, folder, reachable / "run", "recording.csv")


def test_a_text_over_modbus(road, reachable: Path):
    rows = road.small_rows(5)
    rows[3] = rows[3].replace(rows[3].split(";")[1], "offline")
    folder = road.small_site(reachable / "sites", rows, protocol="modbus")
    refused(road, folder, reachable / "run", "text cannot travel over Modbus")


def test_a_contract_that_names_an_unknown_signal(road, reachable: Path):
    folder = road.small_site(reachable / "sites", road.small_rows(5))
    site, _ = load_site(folder / "test-loop.yaml")
    contract = yaml.safe_load(permissive_contract(site))
    contract["schema"][0]["properties"][0]["name"] = "flux"
    (folder / "test-loop.contract.yaml").write_text(yaml.safe_dump(contract))
    refused(road, folder, reachable / "run", "unknown signal 'flux'")


def test_a_run_folder_that_cannot_be_written(road, reachable: Path):
    folder = road.small_site(reachable / "sites", road.small_rows(5))
    (reachable / "file").write_text("in the way")
    ran = road.run(road.platform, "demo", "--once", "--sites", folder, "--run", reachable / "file" / "run")
    assert ran.code == 2
    assert ran.output.startswith("error: ")
    assert len(ran.output.strip().splitlines()) == 1
    assert (reachable / "file").read_text() == "in the way"


def test_a_port_in_use(road, reachable: Path):
    folder = road.small_site(reachable / "sites", road.small_rows(5))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        state = reachable / "state.json"
        site = folder / "test-loop.yaml"
        ran = road.run(road.platform, "plant", "run", "--site", site, "--port", port, "--state", state, timeout_s=60)
    assert ran.code == 2
    assert str(port) in ran.output
    assert "Traceback" not in ran.output


def test_a_folder_filled_over_another_log(road, reachable: Path):
    folder = road.small_site(reachable / "sites", road.small_rows(5))
    run = reachable / "run"
    run.mkdir()
    (run / "event-log").write_text("kafka\n")
    ran = road.run(road.platform, "demo", "--once", "--sites", folder, "--run", run)
    assert ran.code == 2
    assert "another event log" in ran.output
