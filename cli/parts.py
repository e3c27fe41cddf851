"""The parts an installation runs, each as the command line it is: shared by `platform up` and the demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.books import read_books
from core.errors import InputError
from core.run.folder import RunFolder
from core.run.part import Part, Probe, StopOrder, http_ok, port_open, started
from core.settings import Settings, as_environment

_SINK_DRAINS_S = 120.0
_DAGSTER_READY_S = 180.0


@dataclass(frozen=True, slots=True)
class BridgeFiles:
    """What a bridge on this machine is started with.

    Attributes:
        site: the site's slug.
        site_file: its site file.
        contract_file: the contract in force there.
        key_file: the key it was registered with.
        endpoint: the device to read instead of the site file's own.
    """

    site: str
    site_file: Path
    contract_file: Path
    key_file: Path
    endpoint: str | None = None


def installation_parts(run: RunFolder, settings: Settings, bridges: Sequence[BridgeFiles]) -> list[Part]:
    """Everything that runs for real sites, in the order in which it is started."""
    return [
        gateway_part(run, settings),
        sink_part(run, settings),
        agents_part(run, settings),
        *dagster_parts(run, settings),
        *(bridge_part(run, settings, files) for files in bridges),
    ]


def gateway_part(run: RunFolder, settings: Settings) -> Part:
    """The door for bridges, on its remembered port."""
    port = run.port("gateway")
    return _part("gateway", ["gateway", "run", *_at(run), "--port", port], settings, port_open(port), StopOrder.GATEWAY)


def sink_part(run: RunFolder, settings: Settings) -> Part:
    """Event log to bronze; told to stop, it first commits what it has read."""
    return _part("sink", ["sink", "run", *_at(run)], settings, started(), StopOrder.SINK, grace_s=_SINK_DRAINS_S)


def agents_part(run: RunFolder, settings: Settings) -> Part:
    """The agent service, on its remembered port."""
    port = run.port("agents")
    return _part("agents", ["agents", "run", *_at(run), "--port", port], settings, port_open(port), StopOrder.AGENTS)


def dagster_parts(run: RunFolder, settings: Settings) -> list[Part]:
    """Dagster's webserver on its remembered port, and its daemon."""
    port = run.port("dagster-webserver")
    ready = http_ok(f"http://127.0.0.1:{port}/server_info")
    web = ["dagster", "webserver", *_at(run), "--port", port]
    daemon = ["dagster", "daemon", *_at(run)]
    return [
        _part("dagster-webserver", web, settings, ready, StopOrder.DAGSTER, ready_within_s=_DAGSTER_READY_S),
        _part("dagster-daemon", daemon, settings, started(), StopOrder.DAGSTER),
    ]


def bridge_part(run: RunFolder, settings: Settings, files: BridgeFiles) -> Part:
    """The bridge of one site, at home in the run folder."""
    words = ["bridge", "run", "--site", files.site_file.absolute(), "--contract", files.contract_file.absolute()]
    words += ["--home", run.bridges / files.site, "--gateway", f"ws://127.0.0.1:{run.port('gateway')}"]
    words += ["--key-file", files.key_file.absolute(), *(["--endpoint", files.endpoint] if files.endpoint else [])]
    return _part(f"bridge-{files.site}", words, settings, _keeps_books(run.bridges / files.site), StopOrder.BRIDGE)


def _keeps_books(home: Path) -> Probe:
    """Ready when its books can be read: the database's file is there a moment before its tables."""

    async def probe() -> bool:
        try:
            read_books(home)
        except InputError:
            return False
        return True

    return probe


def plant_part(run: RunFolder, settings: Settings, site: str, site_file: Path, speed: float | None = None) -> Part:
    """The replay of one site, on its remembered port; its state lies at `plant_state`."""
    port = run.port(f"plant-{site}")
    words = ["plant", "run", "--site", site_file.absolute(), "--port", port, "--state", plant_state(run, site)]
    words += ["--speed", speed] if speed is not None else []
    return _part(f"plant-{site}", words, settings, port_open(port), StopOrder.PLANT)


def plant_state(run: RunFolder, site: str) -> Path:
    """Where a site's replay says how far it is; the folder exists afterwards."""
    folder = run.path / "plants"
    folder.mkdir(exist_ok=True)
    return folder / f"{site}.json"


def _at(run: RunFolder) -> list[object]:
    return ["--run", run.path]


def _part(
    name: str,
    words: Sequence[object],
    settings: Settings,
    ready: Probe,
    order: StopOrder,
    *,
    grace_s: float = 15.0,
    ready_within_s: float = 60.0,
) -> Part:
    # -P: a folder named like one of our packages, where the command was typed, must not hide it.
    argv = [sys.executable, "-P", "-m", "cli.main", *(str(word) for word in words)]
    # The traceback of an unexpected error belongs into the part's log.
    env = {**as_environment(settings), "GOLDLAYER_DEBUG": "true"}
    return Part(name, argv, ready, order, env=env, grace_s=grace_s, ready_within_s=ready_within_s)
