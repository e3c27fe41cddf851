"""Secrets of devices: sealed on site, used there and nowhere else, and every use written down.

The vault is one file of the bridge's home, its key another that may lie elsewhere. Site files say a secret's name.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

from bridge.secret_log import SecretLog
from bridge.vault_keys import FileKeys, KeyPlace, ring_of
from core.errors import DeniedError, GoldlayerError, InputError
from core.vault import FileVault, Secret

_VAULT, _KEY = "vault.json", "vault.key"
_KEY_LENGTH = 32
Place = Literal["file", "keyring", "auto"]


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
        key_file: file of the vault's key; None means `vault.key` in the home folder.
        place: where the key of a vault that is made now goes; one that is there is found wherever it lies.
    """

    def __init__(self, home: Path, key_file: Path | None = None, place: Place = "file") -> None:
        self._file = home / _VAULT
        self._in_file = FileKeys(key_file or home / _KEY)
        self._new_place: Place = place
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
            self._place(self._new_place).make()
        with self._noted(name, "set"):
            self._opened().put(name, value)

    def names(self) -> list[str]:
        """Names that are kept, sorted; needs no key."""
        return FileVault(self._file, " " * _KEY_LENGTH).names()

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
            place, key = self._found()
            vault = FileVault(self._file, key)
            vault.change_key(place.begin())
            place.promote()
            return len(vault.names())

    def where(self) -> str | None:
        """Where the key lies that opens the vault; None if there is no vault.

        Raises:
            InputError: no key opens it.
        """
        return self._found()[0].told if self._file.exists() else None

    def move_key(self, to: Literal["file", "keyring"]) -> str:
        """Keep the key elsewhere; it is there twice before it is forgotten where it was. Goes on with a move begun.

        Returns:
            Where it lies now.

        Raises:
            InputError: there is no vault, no such place, or no key opens the vault.
        """
        if not self._file.exists():
            raise InputError("there is no vault yet", where=str(self._file), next_step="platform bridge secret set")
        with self._noted("*", f"move key to {to}"):
            target = self._place(to)
            key = self._found()[1]
            target.keep(key)
            if key not in target.held():
                raise InputError("the key was not kept", where=target.told)
            for place in self._places():
                if place.told != target.told:
                    place.forget()
            return target.told

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

    def _found(self) -> tuple[KeyPlace, str]:
        """The key that opens the vault, be it that of a rotation that was cut off, and where it lies.

        Raises:
            InputError: there is none.
        """
        reasons: list[str] = []
        for place in self._places():
            try:
                for key in place.held():
                    if self._opens(key):
                        return place, key
            except InputError as error:
                reasons.append(error.sentence())
        raise InputError(
            "no key opens the bridge's vault",
            where=str(self._file),
            expected=" or ".join(place.told for place in self._places()),
            received="; ".join(reasons) or None,
            next_step="restore the key from a copy, or remove the vault and set every secret again",
        )

    def _opens(self, key: str) -> bool:
        try:
            FileVault(self._file, key).check()
        except DeniedError:
            return False
        return True

    def _opened(self) -> FileVault:
        return FileVault(self._file, self._found()[1])

    def _places(self) -> Iterator[KeyPlace]:
        """The file first: who keeps the key there never asks a keyring."""
        yield self._in_file
        ring = ring_of(self._file.parent)
        if ring is not None:
            yield ring

    def _place(self, kind: Place) -> KeyPlace:
        ring = None if kind == "file" else ring_of(self._file.parent)
        if kind == "keyring" and ring is None:
            raise InputError(
                "there is no OS keyring to use",
                expected="the extra `goldlayer[keyring]`, and a keyring in the session of this account",
                next_step="set GOLDLAYER_BRIDGE__VAULT_KEY to `file` or `auto`",
            )
        return ring or self._in_file
