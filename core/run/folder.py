"""The run folder: where one installation keeps its state, secrets, logs, databases and lake."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, TerminalError
from core.run.account import account_of, closed_folder, is_root, known_account
from core.run.locks import FileLock
from core.run.marks import ProcessMark
from core.run.ports import free_port, is_free
from core.run.state import RunState, changed_state, read_state
from core.settings import Settings

DEFAULT = Path(".goldlayer")
_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """An installation's folder; `open` makes one, nothing is created before.

    Attributes:
        path: the folder, absolute.
    """

    path: Path

    @classmethod
    def open(cls, path: Path | None, settings: Settings) -> RunFolder:
        """Find the folder (`path`, else the setting `run`, else `.goldlayer` here) and create what is missing.

        Raises:
            InputError: it cannot be written, or PostgreSQL's own account could not reach it.
        """
        run = cls(_resolve(path, settings))
        if is_root() and settings.postgres.url is None:
            run._refuse_closed()
        try:
            _make(run.path, 0o711 if is_root() else 0o700)
            _make(run.secrets, 0o700)
            for folder in (run.logs, run.postgres, run.bridges, run.dagster):
                _make(folder, 0o711 if folder == run.postgres else 0o700)
            # Permission bits say nothing on a read-only disk, and nothing to root.
            tempfile.TemporaryFile(dir=run.path).close()
        except OSError as error:
            raise InputError(
                "the run folder cannot be used",
                expected="a folder this user can write",
                received=error.strerror,
                where=str(run.path),
                next_step="choose another with --run",
            ) from error
        return run

    @classmethod
    def find(cls, path: Path | None, settings: Settings) -> RunFolder:
        """The folder of an installation that exists; creates nothing.

        Raises:
            InputError: there is none.
        """
        run = cls(_resolve(path, settings))
        if not run.secrets.is_dir():
            raise InputError(
                "no installation here",
                where=str(run.path),
                next_step="run `platform init`, or name another folder with --run",
            )
        return run

    def _refuse_closed(self) -> None:
        closed = closed_folder(self.path, account_of(self.postgres / "data") or known_account())
        if closed is not None:
            raise InputError(
                "started as root, PostgreSQL runs as another user, who cannot reach the run folder",
                expected="every folder on the way open to others (mode 711)",
                received=f"{closed} with mode {closed.stat().st_mode & 0o777:o}",
                where=str(self.path),
                next_step=f"chmod o+x {closed}, or choose another with --run",
            )

    @property
    def secrets(self) -> Path:
        """Passwords and keys; 0700, its files 0600."""
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        """One log file a part."""
        return self.path / "logs"

    @property
    def postgres(self) -> Path:
        """The embedded server's folder; only what is inside belongs to the server's account."""
        return self.path / "postgres"

    @property
    def bridges(self) -> Path:
        """Homes of bridges that run on this machine."""
        return self.path / "bridges"

    @property
    def dagster(self) -> Path:
        """Dagster's home."""
        return self.path / "dagster"

    @property
    def lake(self) -> Path:
        """The Delta lake, unless a setting puts it elsewhere; see `lake_root`."""
        return self.path / "lake"

    def lake_root(self, settings: Settings) -> str:
        """The lake's folder (absolute) or object-store URL."""
        root = settings.lake.root
        if root is None:
            return str(self.lake)
        return root if "://" in root else str(Path(root).expanduser().absolute())

    def secret(self, name: str) -> str:
        """The secret of that name, made up (256 random bits, URL-safe) the first time it is asked for.

        Raises:
            TerminalError: it cannot be read, is empty, or is open to everybody: working on would make things worse.
        """
        file = self._secret_file(name)
        if not file.exists():
            new = _private_file(file.parent, secrets.token_urlsafe(32))
            try:
                # Linking fails where the name exists: of two processes that ask at once, both get the first one's.
                os.link(new, file)
            except FileExistsError:
                pass
            finally:
                new.unlink()
        return _kept(file)

    def write_secret(self, name: str, value: str) -> Path:
        """Keep a secret that was made elsewhere; replaces one of the same name."""
        file = self._secret_file(name)
        _private_file(file.parent, value).replace(file)
        return file

    def _secret_file(self, name: str) -> Path:
        if not _SECRET_NAME.fullmatch(name):
            raise InputError("not a name for a secret", expected="letters, digits, `_.-`, one folder", received=name)
        file = self.secrets / name
        _make(file.parent, 0o700)
        return file

    def state(self) -> RunState:
        """Ports and processes as `run.json` has them now."""
        return read_state(self._state_file)

    @property
    def _state_file(self) -> Path:
        return self.path / "run.json"

    def port(self, name: str) -> int:
        """The port of a part: remembered, or chosen free now; chosen anew when a stranger sits on it."""
        with changed_state(self._state_file) as state:
            port = state.ports.get(name)
            mark = state.processes.get(name)
            if port is None or not (is_free(port) or (mark is not None and mark.alive())):
                port = free_port(set(state.ports.values()))
                state.ports[name] = port
            return port

    def mark(self, name: str, pid: int | None) -> None:
        """Remember which process is a part of this installation; None forgets it. Either way it is held no longer."""
        mark = ProcessMark.of(pid) if pid is not None else None
        with changed_state(self._state_file) as state:
            state.held.pop(name, None)
            if mark is None:
                state.processes.pop(name, None)
            else:
                state.processes[name] = mark

    def hold(self, name: str, until: float) -> None:
        """Have the supervisor leave a part down, once it has ended, until a time in seconds since the epoch."""
        with changed_state(self._state_file) as state:
            state.held[name] = until

    def owner(self) -> int | None:
        """The process that runs this installation now; None when nobody does, 0 when it cannot be told who."""
        lock = FileLock(self.path / "owner.lock")
        if not lock.path.exists():
            return None
        if lock.acquire(shared=True, wait=False):
            lock.release()
            return None
        return int(lock.path.read_text().strip() or 0)

    @contextmanager
    def own(self) -> Generator[None]:
        """Be the one process that runs this installation, for a block.

        Raises:
            InputError: another process is; names its pid.
        """
        lock = FileLock(self.path / "owner.lock")
        if not any(_again(lambda: lock.acquire(wait=False))):
            raise InputError(
                "this installation is running already",
                received=f"owner pid {lock.path.read_text().strip() or 'unknown'}",
                where=str(self.path),
                next_step="stop that process, or choose another folder with --run",
            )
        try:
            lock.note(f"{os.getpid()}\n")
            yield
        finally:
            lock.release()


def _again(attempt: Callable[[], bool]) -> Iterator[bool]:
    """A few attempts: somebody who only asks who the owner is holds the lock for a moment."""
    for _ in range(5):
        yield attempt()
        time.sleep(0.05)


def _resolve(path: Path | None, settings: Settings) -> Path:
    return (path or settings.run or DEFAULT).expanduser().absolute()


def _make(folder: Path, mode: int) -> None:
    """Create a folder with exactly this mode, whatever the umask; one that exists is left as it is."""
    if not folder.parent.exists():
        _make(folder.parent, mode | 0o011 if is_root() else mode)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    folder.chmod(mode)


def _private_file(folder: Path, text: str) -> Path:
    """A new file (0600) in a folder, on disk as a whole."""
    fd, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _kept(file: Path) -> str:
    """A secret as its file has it; an empty one would sign and seal without a word, and for nothing."""
    mode = file.stat().st_mode
    if mode & 0o007:
        raise TerminalError(
            "a secret is open to everybody on this machine",
            expected="mode 600",
            received=f"{mode & 0o777:o}",
            where=str(file),
            next_step=f"chmod 600 {file}, and replace what others may have read",
        )
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(file, error.strerror) from error
    except UnicodeDecodeError:
        raise _unreadable(file, "what is no text") from None  # The error would carry the secret along.
    if not text.strip():
        raise _unreadable(file, "nothing")
    return text


def _unreadable(file: Path, received: str | None) -> TerminalError:
    return TerminalError(
        "a secret cannot be read",
        received=received,
        where=str(file),
        next_step="restore this file from a copy of the run folder",
    )
