"""Who used which secret, when and for what: lines that are only ever added, a file a month, never the value."""

from __future__ import annotations

import json
import os
from pathlib import Path

from core import clock
from core.errors import TransientError


class SecretLog:
    """A folder of JSON lines; several processes may write to it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, name: str, purpose: str, *, outcome: str, endpoint: str | None = None) -> None:
        """Write a use down before anybody has the secret.

        Args:
            name: of the secret, `*` for all.
            purpose: what it is used for, or what is done to it.
            outcome: `done`, or why not.
            endpoint: device it is for.

        Raises:
            TransientError: it cannot be written, so the secret is not to be used.
        """
        at = clock.now()
        told = {"at": at.isoformat(), "secret": name, "purpose": purpose, "endpoint": endpoint, "outcome": outcome}
        line = json.dumps(told | {"process": os.getpid(), "account": os.getuid()}) + "\n"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{at:%Y-%m}.jsonl"
            # One write at the end of the file: lines of several processes never mix.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(fd, line.encode())
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise TransientError(
                "the use of a secret cannot be written down", received=error.strerror, where=str(self._folder)
            ) from error
