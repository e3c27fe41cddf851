"""The one key whose packages are taken: handed over once, as the bridge is registered, and kept from then on.

The platform hands its key over at every connection. A bridge that trusts none yet takes it; one that does takes a newer
key only from the hand of the one it trusts. Anything else is somebody's act on site.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from bridge.packages.history import Change, newest, note
from core.contracts.package_key import KeyLink, fingerprint, newest_of
from core.errors import DeniedError, InputError

TRUSTED = "packages.pub"
"""In the home folder: the public key of the tenant's packages."""
_NAME = "(key)"
"""Where the history says a package's name."""


def trusted_fingerprint(home: Path) -> str | None:
    """Of the key a home folder trusts; None if it trusts none.

    Raises:
        InputError: what lies there is no key.
    """
    file = home / TRUSTED
    return fingerprint(file.read_bytes()) if file.exists() else None


class Trust:
    """The trusted key of a home folder."""

    def __init__(self, home: Path, tenant: str) -> None:
        self._home, self._tenant = home, tenant
        self._file = home / TRUSTED
        self._lock = Lock()

    def key(self) -> bytes:
        """The key, PEM.

        Raises:
            InputError: none is trusted yet, or it cannot be read.
        """
        try:
            return self._file.read_bytes()
        except OSError as error:
            raise InputError(
                "this bridge trusts no key for packages",
                where=str(self._file),
                next_step="connect it once, or platform bridge packages trust KEY --home HOME",
            ) from error

    def fingerprint(self) -> str | None:
        """Of the key; None if none is trusted."""
        return trusted_fingerprint(self._home)

    def set(self, pem: bytes, asked_by: str) -> str:
        """Trust one key from now on, and no other; for somebody on site. Returns its fingerprint."""
        told = fingerprint(pem)
        with self._lock:
            self._write(pem)
        note(self._home, Change(0, _NAME, "", "", "trusted", asked_by, told))
        return told

    def offered(self, chain: Sequence[KeyLink], asked_by: str) -> str:
        """What the platform hands over.

        Returns:
            Fingerprint of the key that is trusted now.

        Raises:
            DeniedError: another key is trusted here, and has not signed what was handed over.
            InputError: it is no chain of keys, or the trusted key cannot be read.
        """
        if not chain:
            raise InputError("no key was handed over")
        with self._lock:
            try:
                trusted = newest_of(self.key(), self._tenant, chain) if self._file.exists() else None
            except DeniedError as error:
                self._note_once("refused", asked_by, error.sentence())
                raise
            pem = trusted or chain[-1].public_key.encode()
            told = fingerprint(pem)
            if trusted is None or trusted != self.key():
                self._write(pem)
                note(self._home, Change(0, _NAME, "", "", "trusted", asked_by, told))
        return told

    def _note_once(self, action: str, asked_by: str, why: str) -> None:
        """A platform that offers a wrong key does so at every connection."""
        last = newest(self._home, 1)
        if not last or (last[0].name, last[0].note) != (_NAME, why):
            note(self._home, Change(0, _NAME, "", "", action, asked_by, why))

    def _write(self, pem: bytes) -> None:
        fresh = self._home / f".{TRUSTED}"
        with fresh.open("wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._file)
