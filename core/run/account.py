"""PostgreSQL refuses to run as root: started as root, it runs under an account of its own."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import TerminalError

ACCOUNT = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    uid: int
    gid: int


def is_root() -> bool:
    return os.geteuid() == 0


def known_account() -> Account | None:
    """The server's account, if this machine has it."""
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def account_of(path: Path) -> Account | None:
    """Who owns a file; None when there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Account(status.st_uid, status.st_gid)


def server_account() -> Account | None:
    """The account the server runs under, created when missing; None when the caller's own will do.

    Raises:
        TerminalError: the account is missing and cannot be created.
    """
    if not is_root():
        return None
    account = known_account()
    if account is None:
        _create()
        account = known_account()
    if account is None:
        raise TerminalError(
            "PostgreSQL needs an account of its own when started as root",
            expected=f"a user {ACCOUNT}",
            next_step=f"create it (useradd --system {ACCOUNT}) or start as an ordinary user",
        )
    return account


def _create() -> None:
    command = ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", ACCOUNT]
    # Another process may hold the password file or create the same account: the account decides, not the exit code.
    for _ in range(20):
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError:
            return
        if known_account() is not None:
            return
        time.sleep(0.1)


def closed_folder(path: Path, account: Account | None) -> Path | None:
    """The first folder on the way to `path` which the account cannot pass, or None; `None` asks for any stranger.

    Folders that do not exist yet are left out.
    """
    for folder in [*reversed(path.parents), path]:
        try:
            status = folder.stat()
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            return None
        if account is not None and status.st_uid == account.uid:
            needed = 0o100
        elif account is not None and status.st_gid == account.gid:
            needed = 0o010
        else:
            needed = 0o001
        if not status.st_mode & needed:
            return folder
    return None
