"""What happened to packages here, and to the key that is trusted; kept in the bridge's database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.store import DATABASE, Store, read_only, transaction
from core import clock
from core.log import get_logger

_COLUMNS = "at, name, version, sha256, action, asked_by, note"
_log = get_logger("bridge")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history; `at` is microseconds since the epoch."""

    at: int
    name: str
    version: str
    sha256: str
    action: str
    asked_by: str
    note: str


def note(home: Path, change: Change) -> None:
    """A line of the history, under the time it is now, and of the log."""
    _log.info("package " + change.action, action="package", package=change.name, version=change.version,
              asked_by=change.asked_by, note=change.note)  # fmt: skip
    if not (home / DATABASE).is_file():
        return
    row = (clock.now_us(), change.name, change.version, change.sha256, change.action, change.asked_by, change.note)
    with Store(home).writing() as connection, transaction(connection):
        connection.execute(
            f"insert into package_history ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  names of this file
            row,
        )


def newest(home: Path, last: int) -> list[Change]:
    """The newest changes, newest first."""
    connection = read_only(home)
    try:
        found = connection.execute(
            f"select {_COLUMNS} from package_history order by id desc limit ?",  # noqa: S608  the same
            (last,),
        ).fetchall()
    finally:
        connection.close()
    return [Change(*row) for row in found]
