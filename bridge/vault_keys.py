"""Where the key of the bridge's vault lies: in a file of its own, or in the keyring of the operating system."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bridge.secret_file import read_secret
from core.errors import InputError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_NEXT = ".next"
_KEY_BYTES = 32
_SERVICE = "goldlayer-bridge"


class KeyPlace(Protocol):
    """A place for a key, and for the one that takes its turn while a rotation lasts."""

    @property
    def told(self) -> str:
        """Which place it is, for people."""
        ...

    def held(self) -> Iterator[str]:
        """The key, then that of a rotation that was begun; those that are there."""
        ...

    def make(self) -> None:
        """Make the key at random; one that is there stays."""
        ...

    def keep(self, key: str) -> None:
        """Keep this one, whole or not at all; for a move from another place."""
        ...

    def begin(self) -> str:
        """The key of a rotation: the one that was begun with, else a new one."""
        ...

    def promote(self) -> None:
        """The key of the rotation takes its turn."""
        ...

    def forget(self) -> None:
        """Keep nothing here any longer."""
        ...


class FileKeys:
    """In a file that nobody else may read; implements `KeyPlace`."""

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, path.with_name(path.name + _NEXT)

    @property
    def told(self) -> str:
        """See `KeyPlace`."""
        return str(self._path)

    def held(self) -> Iterator[str]:
        """See `KeyPlace`.

        Raises:
            InputError: a file is open to others, or holds no key.
        """
        for file in (self._path, self._next):
            if file.exists():
                yield read_secret(file, "vault key").get_secret_value()

    def make(self) -> None:
        """See `KeyPlace`."""
        _write(self._path, _fresh(), instead=False)

    def keep(self, key: str) -> None:
        """See `KeyPlace`."""
        _write(self._path, key, instead=True)

    def begin(self) -> str:
        """See `KeyPlace`."""
        held = list(self.held())
        # The same as the key: that of a rotation that a move has brought to its end.
        is_over = len(held) > 1 and held[0] == held[1]
        if is_over or not self._next.exists():
            _write(self._next, _fresh(), instead=is_over)
        return read_secret(self._next, "vault key").get_secret_value()

    def promote(self) -> None:
        """See `KeyPlace`."""
        self._next.replace(self._path)

    def forget(self) -> None:
        """See `KeyPlace`."""
        for file in (self._path, self._next):
            file.unlink(missing_ok=True)


class RingKeys:
    """In the keyring of whoever runs the bridge, under the home folder's path; implements `KeyPlace`."""

    def __init__(self, backend: KeyringBackend, home: Path) -> None:
        self._backend = backend
        self._name = str(home.resolve())

    @property
    def told(self) -> str:
        """See `KeyPlace`."""
        return f"the OS keyring ({self._backend.name})"

    def held(self) -> Iterator[str]:
        """See `KeyPlace`."""
        for name in (self._name, self._name + _NEXT):
            key = self._read(name)
            if key is not None:
                yield key

    def make(self) -> None:
        """See `KeyPlace`."""
        if self._read(self._name) is None:
            self._write(self._name, _fresh())

    def keep(self, key: str) -> None:
        """See `KeyPlace`."""
        self._write(self._name, key)

    def begin(self) -> str:
        """See `KeyPlace`."""
        begun = self._read(self._name + _NEXT)
        # The same as the key: a rotation that came to its end but for clearing up.
        if begun is None or begun == self._read(self._name):
            begun = _fresh()
            self._write(self._name + _NEXT, begun)
        return begun

    def promote(self) -> None:
        """See `KeyPlace`."""
        self._write(self._name, self.begin())
        self._remove(self._name + _NEXT)

    def forget(self) -> None:
        """See `KeyPlace`."""
        for name in (self._name, self._name + _NEXT):
            if self._read(name) is not None:
                self._remove(name)

    def _read(self, name: str) -> str | None:
        try:
            return self._backend.get_password(_SERVICE, name)
        except Exception as error:  # every backend has errors of its own
            raise self._broken("read", error) from error

    def _write(self, name: str, key: str) -> None:
        try:
            self._backend.set_password(_SERVICE, name, key)
        except Exception as error:
            raise self._broken("written", error) from error
        if self._read(name) != key:
            raise InputError("the OS keyring does not keep what it is given", where=self.told)

    def _remove(self, name: str) -> None:
        try:
            self._backend.delete_password(_SERVICE, name)
        except Exception as error:
            raise self._broken("cleared", error) from error

    def _broken(self, verb: str, error: Exception) -> InputError:
        return InputError(
            f"the OS keyring cannot be {verb}",
            received=type(error).__name__,
            where=self.told,
            next_step="unlock it, or run this in the session of the account the bridge runs as",
        )


def ring_of(home: Path) -> RingKeys | None:
    """The keyring of this account, if the library is installed and a backend is there that guards what it is given."""
    try:
        import keyring
        from keyring.core import recommended
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return RingKeys(backend, home) if recommended(backend) else None


def _fresh() -> str:
    return secrets.token_urlsafe(_KEY_BYTES)


def _write(path: Path, key: str, *, instead: bool) -> None:
    """A key in a file of its own, whole or not at all; one that is there stays, or is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    if instead:
        fresh.replace(path)
        return
    try:
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
