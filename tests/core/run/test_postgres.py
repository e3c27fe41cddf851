"""The embedded server: passwords hold, it follows its users, it comes back from a crash."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from core.run import cluster
from core.run.folder import RunFolder
from core.run.marks import ProcessMark
from core.run.postgres import Postgres
from core.settings import PostgresSettings, Settings

pytestmark = pytest.mark.integration


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def server_pid(postgres: Postgres, run: RunFolder) -> int:
    server = cluster.live_server(run.postgres / "data")
    assert server is not None
    return server.pid


@pytest.fixture
def server(reachable, run_settings):
    run = RunFolder.open(reachable / "run", run_settings)
    postgres = Postgres(run, run_settings)
    yield run, postgres
    postgres.stop()
    assert not postgres.is_running()


async def test_a_wrong_password_is_refused_for_every_role(installation):
    good = installation.postgres.dsn("postgres")
    assert await ask(good, "select current_user") == "postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(good.replace(installation.run.secret("pg_postgres"), "wrong"), "select 1")


async def test_it_listens_on_loopback_only_and_not_on_a_socket(installation):
    dsn = installation.postgres.dsn("postgres")
    assert await ask(dsn, "select setting from pg_settings where name = 'listen_addresses'") == "127.0.0.1"
    assert await ask(dsn, "select setting from pg_settings where name = 'unix_socket_directories'") == ""


async def test_a_killed_server_comes_back_with_what_was_committed(reachable, eventually):
    run = RunFolder.open(reachable / "run", Settings())
    postgres = Postgres(run, Settings())
    with postgres.running():
        await ask(postgres.dsn("postgres"), "create table kept as select 42 as answer")
        killed = server_pid(postgres, run)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: postgres.is_running() and server_pid(postgres, run) != killed)
        assert await ask(postgres.dsn("postgres"), "select answer from kept") == 42


async def test_a_stale_pid_file_that_names_a_stranger_does_not_block_a_start(server):
    run, postgres = server
    with postgres.running():
        pass
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220
    try:
        pid_file = run.postgres / "data" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{run.postgres / 'data'}\n1\n1\n\n127.0.0.1\n\nready\n")
        assert not postgres.is_running()
        with postgres.running():
            assert await ask(postgres.dsn("postgres"), "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


def test_without_its_keeper_the_server_goes_and_a_new_start_brings_both(server, eventually):
    run, postgres = server
    postgres.start()
    before = run.state().processes["postgres"]
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: not before.alive() and not postgres.is_running())
    postgres.ensure()
    assert postgres.is_running()
    assert run.state().processes["postgres"].pid != before.pid


def test_the_last_user_takes_it_down_not_the_first(reachable, run_settings):
    run = RunFolder.open(reachable / "run", run_settings)
    first, second = Postgres(run, run_settings), Postgres(run, run_settings)
    first.start()
    second.start()
    pid = server_pid(first, run)
    first.stop()
    assert server_pid(second, run) == pid
    second.stop()
    assert not second.is_running()


def test_starts_and_stops_of_one_process_are_counted(server):
    _, postgres = server
    postgres.start()
    with postgres.running():
        assert postgres.is_running()
    assert postgres.is_running()


def test_a_killed_user_takes_it_down_too(reachable, run_settings, eventually):
    run = RunFolder.open(reachable / "run", run_settings)
    program = (
        "import sys\nfrom pathlib import Path\nfrom core.run.folder import RunFolder\n"
        "from core.run.postgres import Postgres\nfrom core.settings import PostgresSettings, Settings\n"
        "settings = Settings(postgres=PostgresSettings(durable=False))\n"
        f"Postgres(RunFolder.open(Path({str(run.path)!r}), settings), settings).start()\n"
        "print('up', flush=True)\nsys.stdin.read()\n"
    )
    user = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == "up\n"
    postgres = Postgres(run, run_settings)
    server = ProcessMark.of(server_pid(postgres, run))
    assert server is not None
    user.kill()
    user.communicate()
    eventually(lambda: not server.alive() and cluster.processes_on(run.postgres / "data") == [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_only_the_data_directory_changes_hands(installation):
    run = installation.run
    assert (run.postgres / "data").stat().st_uid != 0
    assert {folder.stat().st_uid for folder in (run.path, run.postgres, run.secrets, run.logs)} == {0}


def test_a_server_by_url_is_addressed_with_our_roles_and_never_started(reachable):
    url = "postgresql://boss:s%40fe@db.example:6432/postgres?sslmode=require"
    settings = Settings(postgres=PostgresSettings.model_validate({"url": url}))
    run = RunFolder.open(reachable / "run", settings)
    postgres = Postgres(run, settings)
    postgres.start()
    assert list(run.postgres.iterdir()) == []
    assert postgres.dsn("platform") == "postgresql://boss:s%40fe@db.example:6432/platform?sslmode=require"
    password = run.secret("pg_goldlayer_app")
    assert postgres.dsn("platform", "goldlayer_app") == (
        f"postgresql://goldlayer_app:{password}@db.example:6432/platform?sslmode=require"
    )


def test_no_password_reaches_a_command_line_or_a_log(installation):
    secret = installation.run.secret("pg_postgres")
    for process in cluster.processes_on(installation.run.postgres / "data"):
        assert all(secret not in word for word in process.cmdline())
    assert all(secret not in log.read_text(errors="replace") for log in Path(installation.run.logs).iterdir())
