"""Passwords: Argon2id, with the library's defaults (RFC 9106, low-memory profile)."""

from __future__ import annotations

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import InputError

SHORTEST = 10
"""Characters a password must have."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash("nobody has this password")


def check_strength(password: str) -> None:
    """Refuse what is guessed first.

    Raises:
        InputError: too short; does not repeat the password.
    """
    if len(password) < SHORTEST:
        raise InputError("the password is too short", expected=f"at least {SHORTEST} characters")


async def hash_password(password: str) -> str:
    """Hash for keeping; takes tens of milliseconds of a core, outside the event loop."""
    return await asyncio.to_thread(_hasher().hash, password)


async def is_right(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; without one it takes as long and is wrong."""
    return await asyncio.to_thread(_verify, password, kept)


def _verify(password: str, kept: str | None) -> bool:
    try:
        return _hasher().verify(kept or _nobody(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher().check_needs_rehash(kept)
