"""The supervisor: readiness, back-off, order, and nothing left behind however it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError, TerminalError, TransientError
from core.run import cluster
from core.run.folder import RunFolder
from core.run.marks import ProcessMark
from core.run.part import Part, StopOrder, file_exists, http_ok, port_open, started
from core.run.ports import free_port
from core.run.postgres import Postgres
from core.run.running import BackOff
from core.run.supervisor import Event, Supervisor

pytestmark = pytest.mark.integration

_QUICK = BackOff(first_s=0.05, last_s=0.2)
_SLEEP = "import time\ntime.sleep(600)\n"
_STUBBORN = "import signal, sys, time\nsignal.signal(15, signal.SIG_IGN)\nopen(sys.argv[1], 'w')\ntime.sleep(600)\n"
_ON_TERM = "import signal, sys\nopen(sys.argv[1], 'w')\nsignal.sigwait([15])\n"


def python(name: str, program: str, *arguments: object, order: int = 10, ready=None, **options) -> Part:
    argv = [sys.executable, "-u", "-c", program, *(str(argument) for argument in arguments)]
    return Part(name, argv, ready or started(), order, **options)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def supervisor(installation, events) -> Supervisor:
    return Supervisor(installation.run, installation.postgres, on_event=events.append, back_off=_QUICK)


async def test_parts_are_ready_when_their_probes_say_so_and_gone_afterwards(supervisor, installation, events, tmp_path):
    port, web = free_port(), free_port()
    listen = f"import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\ntime.sleep(600)\n"
    serve = f"import http.server as h\nh.HTTPServer(('127.0.0.1', {web}), h.SimpleHTTPRequestHandler).serve_forever()\n"
    touch = "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(600)\n"
    async with supervisor:
        await supervisor.up(
            [
                python("listens", listen, ready=port_open(port)),
                python("serves", serve, ready=http_ok(f"http://127.0.0.1:{web}/")),
                python("touches", touch, tmp_path / "mark", ready=file_exists(tmp_path / "mark")),
            ]
        )
        assert {event.part for event in events if event.what == "ready"} == {"listens", "serves", "touches"}
        marks = {name: ProcessMark.of(pid) for name, pid in supervisor.pids().items()}
        assert {name: mark for name, mark in installation.run.state().processes.items() if name != "postgres"} == marks
        with pytest.raises(InputError, match="runs already"):
            await supervisor.up([python("serves", serve)])
    assert not any(mark is not None and mark.alive() for mark in marks.values())
    assert set(installation.run.state().processes) == {"postgres"}


async def test_a_part_that_dies_is_started_again_with_growing_pauses(supervisor, installation, events, tmp_path):
    # The third life stays.
    program = (
        "import pathlib, sys, time\nlives = pathlib.Path(sys.argv[1])\n"
        "lives.open('a').write('x')\ntime.sleep(600 if lives.stat().st_size >= 3 else 0)\nsys.exit('died young')\n"
    )

    async def alive() -> bool:
        return (tmp_path / "lives").exists() and (tmp_path / "lives").stat().st_size >= 3

    async with supervisor:
        await supervisor.up([python("frail", program, tmp_path / "lives", ready=alive)])
        assert supervisor.restarts() == {"frail": 2}
    ended = [event.detail for event in events if event.what == "ended"]
    assert ended == ["exit 1, starts again in 0.05 s", "exit 1, starts again in 0.1 s"]
    assert (installation.run.logs / "frail.log").read_text().count("died young") == 2


def test_pauses_double_up_to_a_limit_and_a_long_life_is_a_fresh_start():
    back_off = BackOff(first_s=1, last_s=5, long_life_s=60)
    pauses = [0.0]
    for _ in range(5):
        pauses.append(back_off.after(pauses[-1], lived_s=1))
    assert pauses[1:] == [1, 2, 4, 5, 5]
    assert back_off.after(5, lived_s=61) == 1


async def test_parts_stop_in_their_order_and_the_stubborn_are_killed(supervisor, events, tmp_path):
    marks = {name: tmp_path / name for name in ("sink", "plant", "gateway", "bridge")}
    orders = [StopOrder.SINK, StopOrder.PLANT, StopOrder.GATEWAY, StopOrder.BRIDGE]
    async with supervisor:
        await supervisor.up(
            python(
                name,
                _STUBBORN if name == "gateway" else _ON_TERM,
                mark,
                order=order,
                ready=file_exists(mark),
                grace_s=0.3 if name == "gateway" else 60.0,
            )
            for (name, mark), order in zip(marks.items(), orders, strict=True)
        )
    assert [(event.part, event.what) for event in events if event.what in ("stopped", "killed")] == [
        ("plant", "stopped"),
        ("bridge", "stopped"),
        ("gateway", "killed"),
        ("sink", "stopped"),
    ]


async def test_one_part_can_be_stopped_alone(supervisor):
    async with supervisor:
        await supervisor.up([python("one", _SLEEP), python("two", _SLEEP)])
        await supervisor.stop("one")
        assert set(supervisor.pids()) == {"two"}


async def test_a_part_that_is_never_ready_is_an_error_with_its_last_words(supervisor, tmp_path):
    async with supervisor:
        late = python(
            "late", "print('waiting for godot')\n" + _SLEEP, ready=file_exists(tmp_path / "no"), ready_within_s=3
        )
        with pytest.raises(TransientError, match="waiting for godot"):
            await supervisor.up([late])


async def test_a_part_that_was_called_wrongly_is_not_waited_for(supervisor, tmp_path):
    refuses = "import sys\nprint('error: no such site', file=sys.stderr)\nsys.exit(2)\n"
    async with supervisor:
        with pytest.raises(TerminalError, match="no such site"):
            await supervisor.up([python("wrong", refuses, ready=file_exists(tmp_path / "no"), ready_within_s=600)])


async def test_a_signal_ends_the_wait_and_the_block(supervisor):
    async with supervisor:
        await supervisor.up([python("one", _SLEEP)])
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
        await supervisor.until_stopped()
        assert supervisor.pids()
    assert supervisor.pids() == {}


def test_a_signal_cancels_any_other_body(supervisor, events):
    async def body() -> None:
        async with supervisor:
            await supervisor.up([python("one", _SLEEP)])
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
            await asyncio.sleep(600)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(body())
    assert events[-1].what == "stopped"


async def test_an_owned_run_folder_is_refused(supervisor, installation):
    with installation.run.own(), pytest.raises(InputError, match="running already"):
        async with supervisor:
            pass


_VICTIM = """
import asyncio, sys
from pathlib import Path
from core import log
from core.run.folder import RunFolder
from core.run.part import Part, file_exists
from core.run.postgres import Postgres
from core.run.supervisor import Supervisor
from core.settings import PostgresSettings, Settings

async def main():
    log.configure("warning")
    settings = Settings(postgres=PostgresSettings(durable=False))
    run = RunFolder.open(Path(sys.argv[1]), settings)
    grandchild = "import signal, subprocess, sys, pathlib\\nsignal.signal(15, signal.SIG_IGN)\\n" \\
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\\n" \\
        "pathlib.Path(sys.argv[1]).write_text(str(c.pid))\\nc.wait()"
    mark = Path(sys.argv[1]) / "grandchild"
    async with Supervisor(run, Postgres(run, settings)) as supervisor:
        await supervisor.up([
            Part("family", [sys.executable, "-c", grandchild, str(mark)], file_exists(mark), 10),
            Part("user", [sys.executable, "-c", "import time; time.sleep(600)"], file_exists(mark), 20),
        ])
        print("up", flush=True)
        await supervisor.until_stopped()

asyncio.run(main())
"""


def test_nothing_survives_a_killed_supervisor(reachable, eventually):
    run_path = reachable / "run"
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(run_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "up\n"
        run = RunFolder(run_path)
        server = cluster.live_server(run.postgres / "data")
        assert server is not None
        pids = [int((run_path / "grandchild").read_text()), server.pid]
        marks = [*run.state().processes.values(), *filter(None, map(ProcessMark.of, pids))]
        assert sorted(run.state().processes) == ["family", "postgres", "user"]
        assert len(marks) == 5 and all(mark.alive() for mark in marks)
    finally:
        victim.kill()
        victim.communicate()
    eventually(lambda: not any(mark.alive() for mark in marks))
    # And the folder is free for the next one.
    with run.own():
        pass
    assert Path(run_path / "owner.lock").exists()


async def test_the_server_is_back_when_it_and_its_keeper_were_killed(reachable, run_settings):
    run = RunFolder.open(reachable / "run", run_settings)
    postgres = Postgres(run, run_settings)
    async with Supervisor(run, postgres):
        keeper = run.state().processes["postgres"]
        server = cluster.live_server(run.postgres / "data")
        assert server is not None
        os.kill(keeper.pid, signal.SIGKILL)
        os.kill(server.pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while run.state().processes["postgres"] == keeper or not postgres.is_running():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert not postgres.is_running()
