"""The installation's PostgreSQL: the embedded server with the wheel's binaries, or any server by URL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import psutil

from core.errors import InputError, TerminalError, TransientError
from core.run import cluster
from core.run.account import Account, account_of, is_root, server_account
from core.run.folder import RunFolder
from core.run.locks import FileLock, exclusive
from core.run.marks import ProcessMark
from core.run.ports import accepts
from core.settings import Settings

_KEEPER = "postgres"
_READY_WITHIN_S = 60.0
_GONE_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.05
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """The server's face to this process.

    The embedded server runs while anybody uses it: `start` makes this process a user, `stop` ends that, and the last
    user to go, however it goes, takes the server down (`core/run/keeper.py`). With `postgres.url` set, start and stop
    do nothing.
    """

    def __init__(self, run: RunFolder, settings: Settings) -> None:
        self._run = run
        self._settings = settings.postgres
        self._data = run.postgres / "data"
        self._user = FileLock(run.postgres / "users.lock")
        self._uses = 0
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def embedded(self) -> bool:
        """Whether the server is ours to start."""
        return self._settings.url is None

    def start(self) -> None:
        """Use the server, starting it (and creating it) if it is down. Every start wants one stop.

        Raises:
            TerminalError: the server's programs are missing or cannot be reached, or it refuses to start.
            TransientError: it did not become ready in time.
        """
        if not self.embedded:
            return
        # While a keeper takes the server down it holds this lock alone: whoever comes now waits here, then starts anew.
        self._user.acquire(shared=True)
        try:
            with exclusive(self._run.postgres / "start.lock"):
                self._bring_up()
        except BaseException:
            if self._uses == 0:
                self._user.release()
            raise
        self._uses += 1

    def ensure(self) -> None:
        """Bring the server up again if this process uses it and it is gone together with its keeper.

        Raises:
            TerminalError: it refuses to start.
            TransientError: it did not become ready in time.
        """
        if self._user.held:
            with exclusive(self._run.postgres / "start.lock"):
                self._bring_up()

    def stop(self) -> None:
        """Stop using the server; returns when it is down, or when others still use it."""
        self._uses = max(0, self._uses - 1)
        if self._uses or not self._user.held:
            return
        self._user.release()
        alone = FileLock(self._user.path)
        if alone.acquire(wait=False):
            try:
                self._end_keeper()
            finally:
                alone.release()
        elif not alone.acquire(shared=True, wait=False):
            # Neither alone nor beside others: the keeper holds it and is stopping the server.
            alone.acquire(shared=True)
        alone.release()

    def is_running(self) -> bool:
        """Whether the server takes connections."""
        if self._settings.url is not None:
            url = urlsplit(self._settings.url.get_secret_value())
            return accepts(url.port or 5432, url.hostname or "127.0.0.1")
        server = cluster.live_server(self._data)
        return server is not None and server.ready

    @contextmanager
    def running(self) -> Generator[None]:
        """Use the server for a block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def dsn(self, database: str, role: str = "postgres") -> str:
        """`postgresql://role:password@host:port/database`; carries a password, so never log it.

        Args:
            database: database name.
            role: whose password is the secret `pg_<role>`; `postgres` is the superuser, with `postgres.url` that
                URL's own.
        """
        if self._settings.url is None:
            server = cluster.live_server(self._data)
            port = server.port if server is not None and server.port else self._run.port(_KEEPER)
            return _dsn(role, self._run.secret(f"pg_{role}"), f"127.0.0.1:{port}", database)
        url = urlsplit(self._settings.url.get_secret_value())
        if url.hostname is None:
            raise InputError(
                "not a server's URL", expected="postgresql://USER:PASSWORD@HOST:PORT", where="GOLDLAYER_POSTGRES__URL"
            )
        address = url.netloc.rpartition("@")[2]
        query = f"?{url.query}" if url.query else ""
        if role == "postgres":
            return _dsn(unquote(url.username or "postgres"), unquote(url.password or ""), address, database) + query
        return _dsn(role, self._run.secret(f"pg_{role}"), address, database) + query

    def _bring_up(self) -> None:
        keeper = self._run.state().processes.get(_KEEPER)
        if keeper is not None and keeper.alive():
            if self._wait_ready(keeper):
                return
            raise TransientError("PostgreSQL does not become ready", where=str(self._log))
        account = self._account()
        self._clear_the_way()
        if not self._data.exists():
            durable = self._settings.durable
            cluster.create(self._data, self._run.secret("pg_postgres"), account, durable=durable)
        if not self._wait_ready(self._start_keeper(account)):
            raise TerminalError(
                "PostgreSQL does not start",
                received=_last_line(self._log),
                where=str(self._log),
                next_step="read the end of that log",
            )

    def _account(self) -> Account | None:
        # A folder that another user's server was created in stays that user's, also when root comes along.
        return (account_of(self._data) if is_root() else None) or server_account()

    def _clear_the_way(self) -> None:
        """Wait for the remains of a server whose keeper is gone, then drop its stale pid file."""
        if cluster.read_pid_file(self._data) is None:
            return
        server = cluster.live_server(self._data)
        if server is not None:
            psutil.Process(server.pid).send_signal(signal.SIGINT)
        end = time.monotonic() + _GONE_WITHIN_S
        while left := cluster.processes_on(self._data):
            if time.monotonic() > end:
                raise TransientError(
                    "a former PostgreSQL is still shutting down",
                    received=", ".join(f"pid {process.pid}" for process in left),
                    where=str(self._data),
                )
            time.sleep(_LOOK_EVERY_S)
        cluster.forget_stale_server(self._data)

    def _start_keeper(self, account: Account | None) -> ProcessMark:
        here = Path(__file__)
        order = {
            "users": str(self._user.path),
            "child": str(here.with_name("child.py")),
            "uid": account.uid if account else None,
            "gid": account.gid if account else None,
        }
        keeper = [sys.executable, "-IS", str(here.with_name("keeper.py")), json.dumps(order)]
        with self._log.open("ab") as log:
            self._keeper = subprocess.Popen(  # noqa: S603  our own programs, our own arguments
                [*keeper, *self._server_argv(account)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._run.mark(_KEEPER, self._keeper.pid)
        return ProcessMark.of(self._keeper.pid) or ProcessMark(self._keeper.pid, 0.0)

    def _server_argv(self, account: Account | None) -> list[str]:
        options = [f"max_connections={self._settings.max_connections}"]
        # TCP on loopback only: a socket path has a length limit that a run folder's path may break.
        options.append("unix_socket_directories=")
        options.extend(() if self._settings.durable else _NOT_DURABLE)
        program = [str(cluster.binaries(account) / "postgres"), "-D", str(self._data), "-h", "127.0.0.1"]
        return [*program, "-p", str(self._run.port(_KEEPER)), *(word for option in options for word in ("-c", option))]

    def _wait_ready(self, keeper: ProcessMark) -> bool:
        end = time.monotonic() + _READY_WITHIN_S
        while not self.is_running():
            if not keeper.alive() or time.monotonic() > end:
                return False
            time.sleep(_LOOK_EVERY_S)
        return True

    def _end_keeper(self) -> None:
        keeper = self._run.state().processes.get(_KEEPER)
        if keeper is None or not keeper.alive():
            return
        psutil.Process(keeper.pid).terminate()
        while keeper.alive():
            time.sleep(_LOOK_EVERY_S)
        if self._keeper is not None and self._keeper.pid == keeper.pid:
            self._keeper.wait()

    @property
    def _log(self) -> Path:
        return self._run.logs / "postgres.log"


def _dsn(role: str, password: str, address: str, database: str) -> str:
    return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@{address}/{quote(database, safe='')}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return next((line for line in reversed(lines) if "FATAL" in line), lines[-1] if lines else "nothing in its log")
