"""The parts of an installation: complete command lines, in an order that drains."""

from __future__ import annotations

import pytest

from bridge.store import DATABASE, Store
from cli.parts import BridgeFiles, bridge_part, installation_parts, plant_part
from core.run.folder import RunFolder
from core.run.part import StopOrder
from core.settings import EventLogSettings, PostgresSettings, Settings, as_environment


@pytest.fixture
def run(reachable, run_settings):
    return RunFolder.open(reachable / "run", run_settings)


def test_every_part_names_the_run_folder_or_the_edge_files(run, run_settings, tmp_path):
    files = BridgeFiles("north", tmp_path / "n.yaml", tmp_path / "n.contract.yaml", tmp_path / "n.key")
    parts = {part.name: list(part.argv)[4:] for part in installation_parts(run, run_settings, [files])}
    ports = run.state().ports
    at = ["--run", str(run.path)]
    assert parts == {
        "gateway": ["gateway", "run", *at, "--port", str(ports["gateway"])],
        "sink": ["sink", "run", *at],
        "agents": ["agents", "run", *at, "--port", str(ports["agents"])],
        "dagster-webserver": ["dagster", "webserver", *at, "--port", str(ports["dagster-webserver"])],
        "dagster-daemon": ["dagster", "daemon", *at],
        "bridge-north": [
            *("bridge", "run", "--site", str(files.site_file), "--contract", str(files.contract_file)),
            *("--home", str(run.bridges / "north"), "--gateway", f"ws://127.0.0.1:{ports['gateway']}"),
            *("--key-file", str(files.key_file)),
        ],
    }


def test_sources_stop_before_what_drains_them(run, run_settings, tmp_path):
    files = BridgeFiles("north", tmp_path / "n.yaml", tmp_path / "n.contract.yaml", tmp_path / "n.key")
    plant = plant_part(run, run_settings, "north", files.site_file)
    parts = [*installation_parts(run, run_settings, [files]), plant]
    order = [part.name for part in sorted(parts, key=lambda part: part.stop_order)]
    wanted = ["plant-north", "bridge-north", "gateway", "sink", "agents", "dagster-webserver", "dagster-daemon"]
    assert order == wanted
    assert max(part.stop_order for part in parts) == StopOrder.DAGSTER


async def test_a_bridge_is_ready_when_its_books_can_be_read(run, run_settings, tmp_path):
    files = BridgeFiles("north", tmp_path / "n.yaml", tmp_path / "n.contract.yaml", tmp_path / "n.key")
    ready = bridge_part(run, run_settings, files).ready
    home = run.bridges / "north"
    assert not await ready()
    home.mkdir()
    (home / DATABASE).touch()
    assert not await ready()
    with Store.open(home):
        assert await ready()


def test_parts_run_under_the_very_settings_of_their_supervisor(monkeypatch):
    settings = Settings(
        postgres=PostgresSettings.model_validate({"url": "postgresql://u:p@h/x", "durable": False}),
        eventlog=EventLogSettings(kafka="127.0.0.1:9092"),
    )
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
