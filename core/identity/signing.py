"""The keys tokens are signed with, in the run folder: the current one, and retired ones until their tokens expire."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.run.folder import RunFolder
from core.run.locks import exclusive

_CURRENT, _RETIRED = "token_key", "retired_token_keys"
_LOOK_EVERY_S = 1.0
"""Longest time in which another process's rotation goes unnoticed."""


class KeyRing:
    """Read again when the files change, so that every process follows a rotation."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._looked = 0.0
        self._seen: tuple[tuple[int, int], ...] = ()
        self._generation = 0
        self._look(at_once=True)

    def generation(self) -> int:
        """A number that changes when a key comes or goes."""
        self._look()
        return self._generation

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """The current key and its id."""
        self._look(at_once=True)
        return self._current_id, self._current

    def public(self, key_id: str) -> Ed25519PublicKey:
        """A key that tokens may be verified with.

        Raises:
            KeyError: there is none of that id, or its last token has expired.
        """
        # One that is not known may have come with another process's rotation a moment ago.
        self._look(at_once=key_id not in self._known)
        key, until = self._known[key_id]
        if until is not None and until <= time.time():
            raise KeyError(key_id)
        return key

    def published(self) -> list[dict[str, str]]:
        """Every public key in use, the current one first (RFC 8037)."""
        self._look(at_once=True)
        keys = [(key_id, key) for key_id, (key, until) in self._known.items() if until is None or until > time.time()]
        return [{**_members(key), "kid": key_id, "use": "sig", "alg": "EdDSA"} for key_id, key in keys]

    def rotate(self, keep: timedelta) -> None:
        """Make a new current key.

        Args:
            keep: how long the one before is still good for verifying; nothing drops all that went before.
        """
        with exclusive(self._run.secrets / "token_key.lock"):
            for file, until in self._retired():
                if not keep or until <= time.time():
                    file.unlink()
            if keep:
                # Retired before replaced: after a crash between the two it is both, and nothing is lost.
                until = int((time.time() + keep.total_seconds()) * 1000)
                self._run.write_secret(f"{_RETIRED}/{until}-{secrets.token_hex(4)}", self._run.secret(_CURRENT))
            self._run.write_secret(_CURRENT, secrets.token_urlsafe(32))
        self._look(at_once=True)

    def _retired(self) -> Iterator[tuple[Path, float]]:
        for file in sorted((self._run.secrets / _RETIRED).glob("[0-9]*-*"), reverse=True):
            yield file, int(file.name.partition("-")[0]) / 1000

    def _look(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        files = (self._run.secrets / _CURRENT, self._run.secrets / _RETIRED)
        seen = tuple((stat.st_mtime_ns, stat.st_ino) for stat in (file.stat() for file in files if file.exists()))
        if seen and seen == self._seen:
            return
        self._current = _key(self._run.secret(_CURRENT))
        self._current_id = _key_id(self._current)
        self._known: dict[str, tuple[Ed25519PublicKey, float | None]] = {}
        self._known[self._current_id] = (self._current.public_key(), None)
        for file, until in self._retired():
            old = _key(file.read_text(encoding="utf-8"))
            self._known.setdefault(_key_id(old), (old.public_key(), until))
        self._seen = seen
        self._generation += 1


@lru_cache(maxsize=64)
def _key_id_in(head: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def key_id_of(token: str) -> str:
    """Which key a token says it was signed with; nothing is verified by this.

    Raises:
        ValueError, KeyError, TypeError: it says nothing of the kind.
    """
    return _key_id_in(token.partition(".")[0])


def _key(secret: str) -> Ed25519PrivateKey:
    # The secret's 256 bits are spread over the seed's 32 bytes; the name keeps other uses of a secret apart.
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"goldlayer token key\0" + secret.encode()).digest())


def _members(key: Ed25519PublicKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
    return {"crv": "Ed25519", "kty": "OKP", "x": x}


def _key_id(key: Ed25519PrivateKey) -> str:
    """Thumbprint of the public key (RFC 7638)."""
    members = json.dumps(_members(key.public_key()), separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
