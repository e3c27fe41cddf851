"""The one SQLite database of a bridge: opened, locked, and written in transactions that survive a power cut."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from core import faults
from core.errors import InputError, TransientError

DATABASE = "bridge.sqlite"
RULES_CHECKPOINT = "rules_checkpoint"
"""Name of the newest frame that edge rules have seen; remembered while there are any."""
DISK_FULL = "bridge.disk_full"
"""Fault point: nothing more can be written."""


class StoreError(TransientError):
    """The database could not be written: the disk is full or failing."""


class StoreBusyError(InputError):
    """Another process holds the home folder."""


class Store:
    """A bridge's home folder, held by one process at a time.

    Connections may be used from any thread, by one thread at a time; every part of the bridge has its own.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / DATABASE
        self._lock: int | None = None

    @classmethod
    @contextmanager
    def open(cls, home: Path) -> Generator[Store]:
        """Create or take over a home folder for the block's duration.

        Raises:
            InputError: it cannot be written.
            StoreBusyError: another bridge runs on it.
        """
        store = cls(home)
        store._take()
        try:
            with store.writing() as connection:
                schema = resources.files("bridge").joinpath("sql/schema.sql").read_text()
                _grow(connection)
                connection.executescript(f"begin;\n{schema}\ncommit;")
                connection.execute(
                    "insert into meta values ('incarnation', ?) on conflict do nothing", (uuid.uuid4().hex,)
                )
            yield store
        finally:
            store._release()

    def _take(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.home / "bridge.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InputError(
                "home folder cannot be written",
                received=error.strerror,
                where=str(self.home),
                next_step="name a folder this user may write with --home",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 32, 0).decode() or "unknown"
            self._release()
            raise StoreBusyError(
                "another bridge runs on this home folder",
                received=f"process {owner}",
                where=str(self.home),
                next_step="stop it or name another folder with --home",
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def connect(self) -> sqlite3.Connection:
        """A connection that writes durably: a commit returns after the disk has it."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30.0, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        return connection

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A connection for the block's duration."""
        connection = self.connect()
        try:
            yield connection
        finally:
            connection.close()


def _grow(connection: sqlite3.Connection) -> None:
    """Give a database of an older version what its tables did not have then."""
    known = {row[1] for row in connection.execute("pragma table_info(outbox)")}
    if known and "stored_us" not in known:
        connection.execute("alter table outbox add column stored_us integer")


def runs(home: Path) -> bool:
    """Whether a bridge runs on this home folder now."""
    try:
        handle = os.open(home / "bridge.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    """All of the block or nothing of it.

    Raises:
        StoreError: the database refuses; nothing was written.
    """
    try:
        if faults.fails_here(DISK_FULL):
            raise sqlite3.OperationalError("database or disk is full")
        connection.execute("begin immediate")
        try:
            yield connection
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
    except sqlite3.Error as error:
        raise StoreError("bridge database cannot be written", received=str(error)) from error


def read_only(home: Path) -> sqlite3.Connection:
    """A connection that only reads, beside a running bridge; any thread may use it, one at a time.

    Raises:
        InputError: no bridge ever ran here.
    """
    path = home / DATABASE
    if not path.is_file():
        raise _nobody(home)
    connection = sqlite3.connect(
        f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=30.0, check_same_thread=False
    )
    if connection.execute("select 1 from sqlite_master where name = 'meta'").fetchone() is None:
        connection.close()
        raise _nobody(home)
    return connection


def _nobody(home: Path) -> InputError:
    return InputError(
        "no bridge has run here", expected=f"a folder with {DATABASE}", where=str(home), next_step="check --home"
    )


def get_meta(connection: sqlite3.Connection, name: str, default: str = "") -> str:
    """One remembered value."""
    row = connection.execute("select value from meta where name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def set_meta(connection: sqlite3.Connection, name: str, value: str | int) -> None:
    """Remember one value, inside the caller's transaction."""
    connection.execute(
        "insert into meta values (?, ?) on conflict (name) do update set value = excluded.value", (name, str(value))
    )
