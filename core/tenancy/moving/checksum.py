"""A checksum of many things that does not ask in which order they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def checksum_of(things: Iterable[bytes]) -> str:
    """SHA-256 over the sorted SHA-256 of each; holds 32 bytes a thing in memory."""
    return hashlib.sha256(b"".join(sorted(hashlib.sha256(one).digest() for one in things))).hexdigest()
