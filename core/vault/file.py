"""A vault in one file: device passwords and the like, readable only while they are used.

The file is JSON: a salt, a check that tells a wrong key at once, and one sealed value a name. Names are not secret.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DeniedError, InputError, NotFoundError, TerminalError
from core.vault.sealing import SHORTEST_KEY, derive, seal, unseal

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_./-]{0,127}")
_CHECK = "goldlayer"


@dataclass(slots=True)
class _Content:
    salt: bytes
    check: str
    values: dict[str, str] = field(default_factory=lambda: dict[str, str]())


class FileVault:
    """Reads and writes one vault file; several processes may use it at once."""

    def __init__(self, path: Path, key_text: str) -> None:
        """A vault that is there, or will be made by the first `put`.

        Args:
            path: the file; written 0600, whole or not at all.
            key_text: random text kept elsewhere, for example the run folder's secret `vault_key`.

        Raises:
            InputError: the key is too short.
        """
        if len(key_text) < SHORTEST_KEY:
            raise InputError(
                "the vault key is too short", expected=f"at least {SHORTEST_KEY} characters", where=str(path)
            )
        self._path = path
        self._key_text = key_text

    def put(self, name: str, value: str) -> None:
        """Keep a value under a name, replacing the one there.

        Raises:
            InputError: not a usable name.
            DeniedError: the vault was made with another key.
        """
        if not _NAME.fullmatch(name):
            raise InputError("not a name for a secret", expected="letters, digits and _./-, up to 128", received=name)
        with self._locked():
            content = self._read() or self._new(self._key_text)
            content.values[name] = seal(self._opened(content), name, value)
            self._write(content)

    def get(self, name: str) -> str:
        """The value kept under a name.

        Raises:
            NotFoundError: there is none.
            DeniedError: the vault was made with another key.
            TerminalError: the value was changed.
        """
        content = self._read()
        if content is None or name not in content.values:
            raise NotFoundError("no such secret in the vault", received=name, where=str(self._path))
        value = unseal(self._opened(content), name, content.values[name])
        if value is None:
            raise TerminalError(
                "a secret in the vault was changed", received=name, where=str(self._path), next_step="put it again"
            )
        return value

    def check(self) -> None:
        """Go on only with the right key; a vault that was not made yet takes any.

        Raises:
            DeniedError: the vault was made with another key.
        """
        content = self._read()
        if content is not None:
            self._opened(content)

    def names(self) -> list[str]:
        """Names that are kept, sorted; needs no key."""
        content = self._read()
        return sorted(content.values) if content else []

    def remove(self, name: str) -> None:
        """Forget a value.

        Raises:
            NotFoundError: there is none.
        """
        with self._locked():
            content = self._read()
            if content is None or name not in content.values:
                raise NotFoundError("no such secret in the vault", received=name, where=str(self._path))
            self._opened(content)
            del content.values[name]
            self._write(content)

    def change_key(self, key_text: str) -> None:
        """Seal everything anew under another key, all or nothing.

        Raises:
            InputError: the new key is too short.
            DeniedError: the vault was made with another key than this object holds.
        """
        successor = FileVault(self._path, key_text)
        with self._locked():
            values = {name: self.get(name) for name in self.names()}
            content = self._new(key_text)
            key = derive(key_text, content.salt)
            content.values = {name: seal(key, name, value) for name, value in values.items()}
            self._write(content)
        self._key_text = successor._key_text

    def _new(self, key_text: str) -> _Content:
        salt = os.urandom(16)
        return _Content(salt, seal(derive(key_text, salt), "", _CHECK))

    def _opened(self, content: _Content) -> bytes:
        key = derive(self._key_text, content.salt)
        if unseal(key, "", content.check) != _CHECK:
            raise DeniedError("the vault does not open with this key", where=str(self._path))
        return key

    def _read(self) -> _Content | None:
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            return _Content(base64.b64decode(raw["salt"]), str(raw["check"]), dict(raw["values"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise TerminalError(
                "not a vault file", where=str(self._path), next_step="restore it from a copy"
            ) from error

    def _write(self, content: _Content) -> None:
        text = json.dumps(
            {"salt": base64.b64encode(content.salt).decode(), "check": content.check, "values": content.values},
            indent=1,
        )
        fd, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)

    @contextmanager
    def _locked(self) -> Generator[None]:
        fd = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
