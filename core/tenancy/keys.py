"""Keys that machines sign in with: 256 random bits behind a prefix that finds the row.

A key of this length cannot be guessed, so a plain SHA-256 is enough to keep; people's passwords are another matter.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

KEY_MARK = "gl_"
"""How every key begins."""
_KEY = re.compile(r"^gl_(?P<prefix>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})$")


def prefix_for(*owner: str) -> str:
    """The prefix of a key, from what it belongs to: the same owner always has the same one."""
    return hashlib.sha256("\0".join(owner).encode()).hexdigest()[:16]


def new_key(prefix: str) -> str:
    """A fresh key, `gl_<prefix>_<secret>`."""
    return f"gl_{prefix}_{secrets.token_urlsafe(32)}"


def prefix_of(key: str) -> str | None:
    """The prefix of a key as somebody sent it, None if it is not shaped like one."""
    match = _KEY.match(key.strip())
    return match["prefix"] if match else None


def hash_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.strip().encode()).digest()


def matches(key: str, kept: bytes) -> bool:
    """Whether a key is the one that was kept, in constant time."""
    return hmac.compare_digest(hash_of(key), kept)
