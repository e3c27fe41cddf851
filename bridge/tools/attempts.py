"""The log of writes: one line an event, appended and flushed to the disk, each bound to the line before.

A write leaves two lines, one before the device is touched and one after: whoever finds the first without the second
knows that nobody can say what happened. A line that was changed or taken out breaks the chain.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import InputError, TerminalError

FILE = "writes.jsonl"
_FIRST = "0" * 64


class Verdict(StrEnum):
    """What became of an attempt; `begun` is the line before the device is touched."""

    BEGUN = "begun"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    FAILED = "failed"


class Attempt(BaseModel):
    """One line."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    at: datetime
    attempt: str
    who: str
    reason: str
    equipment: str
    signal: str
    value: float
    before: float | None = None
    after: float | None = None
    verdict: Verdict
    why: str = ""
    previous: str = ""
    """SHA-256 of the line before."""


class AttemptLog:
    """The log of one bridge's home folder."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    @contextmanager
    def alone(self) -> Generator[None]:
        """Nobody else writes to a device of this bridge meanwhile.

        Raises:
            InputError: the folder cannot be written, or somebody is writing now.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise InputError("log of writes cannot be opened", received=error.strerror, where=str(self.path)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise InputError("somebody is writing now", where=str(self.path), next_step="wait for it") from error
        finally:
            os.close(handle)

    def append(self, attempt: Attempt) -> None:
        """Add a line; it is on the disk when this returns.

        Raises:
            TerminalError: it is not; nothing may be written to a device then.
        """
        lines = self._lines()
        bound = attempt.model_copy(update={"previous": _digest(lines[-1]) if lines else _FIRST})
        try:
            with self.path.open("ab") as file:
                file.write(f"{bound.model_dump_json()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TerminalError(
                "log of writes cannot be written, so nothing is written to a device",
                received=error.strerror,
                where=str(self.path),
            ) from error

    def all(self) -> list[Attempt]:
        """Every line, oldest first.

        Raises:
            TerminalError: a line was changed, taken out or cut off.
        """
        found: list[Attempt] = []
        previous = _FIRST
        for number, line in enumerate(self._lines(), start=1):
            try:
                attempt = Attempt.model_validate(json.loads(line))
            except ValueError as error:
                raise self._broken(number, "it cannot be read") from error
            if attempt.previous != previous:
                raise self._broken(number, "it does not follow from the line before")
            previous = _digest(line)
            found.append(attempt)
        return found

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    def _broken(self, number: int, why: str) -> TerminalError:
        return TerminalError(
            "log of writes is not as it was written",
            received=f"line {number}: {why}",
            where=str(self.path),
            next_step="keep the file as it is and find out who changed it; move it away to write again",
        )


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
