"""Sealing of one value: AES-256-GCM (NIST SP 800-38D), with the place it belongs to as associated data. Pure."""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12
SHORTEST_KEY = 32
"""Characters of a key text; a key is random, not a word somebody remembers."""


def derive(key_text: str, salt: bytes, use: bytes = b"goldlayer file vault") -> bytes:
    """The key of one vault and one use: others under the same text have others."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=use).derive(key_text.encode())


def seal(key: bytes, place: str, value: str) -> str:
    """A value that only the key opens, and only at its place."""
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, value.encode(), place.encode())).decode()


def unseal(key: bytes, place: str, sealed: str) -> str | None:
    """The value, or None if key or place are others, or a bit was changed."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()).decode()
    except (InvalidTag, ValueError):
        return None
