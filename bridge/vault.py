"""Secrets of devices: sealed on site, used there and nowhere else, and every use written down.

The vault is one file of the bridge's home, its key another that may lie elsewhere. Site files say a secret's name.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from bridge.secret_file import read_secret
from bridge.secret_log import SecretLog
from core.errors import DeniedError, GoldlayerError, InputError
from core.vault import FileVault, Secret

_VAULT, _KEY, _NEXT = "vault.json", "vault.key", ".next"
_KEY_BYTES = 32


class Secrets(Protocol):
    """What drivers see of a vault."""

    def use(self, name: str, *, endpoint: str, purpose: str) -> Secret:
        """A secret, after its use was written down.

        Args:
            name: as the site file has it.
            endpoint: device it is for.
            purpose: what it is needed for there.

        Raises:
            InputError: there is no such secret, or no key opens the vault.
            TransientError: the use cannot be written down.
        """
        ...


class NoSecrets:
    """The vault of a site that needs none; implements `Secrets`."""

    def use(self, name: str, *, endpoint: str, purpose: str) -> Secret:
        """Refuse."""
        raise InputError("a secret is needed and there is no vault", received=name, expected=purpose, where=endpoint)


class BridgeVault:
    """The vault of one bridge; several processes may use it at once.

    Args:
        home: home folder of the bridge.
        key_file: where the vault's key is; None means `vault.key` in the home folder.
    """

    def __init__(self, home: Path, key_file: Path | None = None) -> None:
        self._file = home / _VAULT
        self._key_file = key_file or home / _KEY
        self._log = SecretLog(home / "secret-uses")

    def put(self, name: str, value: str) -> None:
        """Keep a value under a name, replacing the one there; the first one makes the vault and its key.

        Raises:
            InputError: not a name, nothing to keep, or no key opens the vault.
            TransientError: it cannot be written down that this was done.
        """
        if not value:
            raise InputError("a secret is empty", where=name)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if not self._file.exists():
            _new_key(self._key_file)
        with self._noted(name, "set"):
            self._opened().put(name, value)

    def names(self) -> list[str]:
        """Names that are kept, sorted; needs no key."""
        return FileVault(self._file, " " * _KEY_BYTES).names()

    def remove(self, name: str) -> None:
        """Forget a value.

        Raises:
            NotFoundError: there is none.
            InputError: no key opens the vault.
        """
        with self._noted(name, "remove"):
            self._opened().remove(name)

    def rotate(self) -> int:
        """Seal everything under a new key and forget the old one; goes on with one that was begun.

        Returns:
            Secrets that were sealed anew.
        """
        with self._noted("*", "rotate"):
            vault, following = self._opened(), self._following
            if not following.exists():
                _new_key(following)
            vault.change_key(read_secret(following, "vault key").get_secret_value())
            following.replace(self._key_file)
            return len(vault.names())

    def use(self, name: str, *, endpoint: str, purpose: str) -> Secret:
        """See `Secrets.use`."""
        with self._noted(name, purpose, endpoint):
            if name not in self.names():
                raise InputError(
                    "no such secret in the bridge's vault",
                    received=name,
                    where=str(self._file),
                    next_step=f"platform bridge secret set {name} --home {self._file.parent}",
                )
            return Secret(self._opened().get(name))

    @contextmanager
    def _noted(self, name: str, purpose: str, endpoint: str | None = None) -> Generator[None]:
        """What the block does is written down, with what came of it, before anybody has its result."""
        try:
            yield
        except GoldlayerError as error:
            self._log.note(name, purpose, endpoint=endpoint, outcome=error.what)
            raise
        self._log.note(name, purpose, endpoint=endpoint, outcome="done")

    @property
    def _following(self) -> Path:
        """The key that a rotation has begun to use."""
        return self._key_file.with_name(self._key_file.name + _NEXT)

    def _opened(self) -> FileVault:
        """The vault under the key that opens it: the current one, or the one of a rotation that was cut off.

        Raises:
            InputError: there is none.
        """
        for file in (self._key_file, self._following):
            if not file.exists():
                continue
            vault = FileVault(self._file, read_secret(file, "vault key").get_secret_value())
            try:
                vault.check()
            except DeniedError:
                continue
            return vault
        raise InputError(
            "no key opens the bridge's vault",
            where=str(self._file),
            expected=str(self._key_file),
            next_step="restore the key from a copy, or remove the vault and set every secret again",
        )


def _new_key(path: Path) -> None:
    """A random key in a file of its own, whole or not at all; one that is there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
