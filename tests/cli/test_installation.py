"""`platform init`, `info` and `health` on a real installation."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from cli.installation import probe
from cli.main import main
from cli.session import opened
from core.run.part import Part, port_open, started
from core.run.postgres import Postgres
from core.run.running import BackOff
from core.run.supervisor import Event, Supervisor

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def quick_server(monkeypatch):
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")


def test_init_makes_an_installation_that_info_finds_and_health_calls_down(reachable, capsys):
    folder = str(reachable / "run")
    assert main(["init", "--run", folder]) == 0
    assert main(["init", "--run", folder]) == 0
    before = {file: file.read_text() for file in (reachable / "run" / "secrets").iterdir() if file.is_file()}
    capsys.readouterr()
    assert main(["info", "--run", folder]) == 0
    told = capsys.readouterr().out
    assert f"run folder  {folder}" in told
    assert "supervisor  not running" in told
    assert main(["health", "--run", folder]) == 1
    said = capsys.readouterr().out
    assert said.splitlines() == ["DOWN  supervisor", "DOWN  postgres"]
    assert before and not any(secret in told + said for secret in before.values())


def test_info_and_health_make_nothing_where_nothing_is(reachable, capsys):
    for name in ("info", "health"):
        assert main([name, "--run", str(reachable / "none")]) == 2
    assert not (reachable / "none").exists()
    assert "no installation here" in capsys.readouterr().err


async def test_health_follows_the_parts(installation):
    run, postgres = installation.run, Postgres(installation.run, installation.settings)
    port = run.port("listens")
    listen = f"import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\ntime.sleep(600)\n"
    async with Supervisor(run, postgres) as supervisor:
        await supervisor.up(
            [
                Part("listens", [sys.executable, "-c", listen], port_open(port), 10),
                Part("deaf", [sys.executable, "-c", "import time; time.sleep(600)"], started(), 10),
            ]
        )
        assert probe(run, installation.settings) == dict.fromkeys(["supervisor", "postgres", "deaf", "listens"], True)
        run.mark("ghost", supervisor.pids()["deaf"])
        await supervisor.stop("deaf")
        assert probe(run, installation.settings)["ghost"] is False
        run.mark("ghost", None)
    assert probe(run, installation.settings) == {"supervisor": False, "postgres": True}


async def test_a_part_is_held_down_and_starts_again(installation, capsys):
    run, place = installation.run, ["--run", str(installation.run.path)]
    events: asyncio.Queue[Event] = asyncio.Queue()

    async def until(what: str) -> list[str]:
        async with asyncio.timeout(60):
            seen = [(await events.get()).what]
            while seen[-1] != what:
                seen.append((await events.get()).what)
            return seen

    server = Postgres(run, installation.settings)
    async with Supervisor(run, server, on_event=events.put_nowait, back_off=BackOff(0.01)) as parts:
        await parts.up([Part("idle", [sys.executable, "-c", "import time; time.sleep(600)"], started(), 10)])
        assert await asyncio.to_thread(main, ["hold", "idle", "--minutes", "30", *place]) == 0
        assert await until("held") == ["started", "ready", "ended", "held"]
        assert probe(run, installation.settings)["idle"] is False
        assert await asyncio.to_thread(main, ["hold", "idle", "--minutes", "0", *place]) == 0
        assert await until("started") == ["started"]
        assert probe(run, installation.settings)["idle"] is True
        assert run.state().held == {}
        assert await asyncio.to_thread(main, ["hold", "idle", "--minutes", "0.001", *place]) == 0
        assert (await until("started"))[0] == "ended"
        assert await asyncio.to_thread(main, ["hold", "postgres", "--minutes", "1", *place]) == 2
        assert await asyncio.to_thread(main, ["hold", "nobody", "--minutes", "1", *place]) == 2
    assert main(["hold", "idle", "--minutes", "1", *place]) == 2
    said = capsys.readouterr()
    assert "idle stays down until " in said.out
    assert said.err.count("error: ") == 3
    assert "expected idle" in said.err
    assert "nobody would start it again" in said.err


async def test_a_session_initialises_an_empty_folder_once(reachable, run_settings):
    async with opened(reachable / "run", run_settings) as session:
        assert session.postgres.is_running()
        mark = (session.run.path / "initialised").stat().st_mtime_ns
    async with opened(reachable / "run", run_settings) as again:
        assert (again.run.path / "initialised").stat().st_mtime_ns == mark


def test_the_owner_is_told_from_outside(reachable):
    program = (
        "import sys\nfrom pathlib import Path\nfrom core.run.folder import RunFolder\n"
        "from core.settings import Settings\n"
        f"with RunFolder.open(Path({str(reachable / 'run')!r}), Settings()).own():\n"
        "    print('mine', flush=True)\n    sys.stdin.read()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    from core.run.folder import RunFolder

    run = RunFolder(reachable / "run")
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "mine\n"
        assert run.owner() == owner.pid
    finally:
        owner.kill()
        owner.communicate()
    end = time.monotonic() + 60
    while run.owner() is not None:
        assert time.monotonic() < end


def test_up_refuses_a_site_without_a_device_before_anything_runs(reachable, capsys):
    (reachable / "north.yaml").write_text(
        "tenant: acme-water\nsite: north\nprotocol: opcua\n"
        "equipment:\n  - {id: pump-1, type: pump, signals: [{name: flow, unit: l/min}]}\n"
    )
    assert main(["up", "--sites", str(reachable), "--run", str(reachable / "run")]) == 2
    said = capsys.readouterr().err
    assert "error: " in said.splitlines()[-1]
    assert "the site names no device" in said.splitlines()[-1]
    assert not (reachable / "run" / "postgres" / "data").exists()
