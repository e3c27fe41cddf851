"""Passwords: what is accepted (after NIST SP 800-63B, 3.1.1) and how it is kept (Argon2id, RFC 9106)."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import InputError

SHORTEST, LONGEST = 10, 256
"""Characters a password must and may have; no other composition is demanded."""
_LEFT = 6
"""Characters that must be left of a password without the words everybody knows of its owner."""
_LOOKALIKES = str.maketrans("0134578@$!", "oleastbasi")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm")


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return _hasher().hash("nobody has this password")


@cache
def _common() -> frozenset[str]:
    text = files("core.identity").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split() if line)


def check_strength(password: str, *about: str) -> None:
    """Refuse what is guessed first.

    Args:
        password: never repeated in the error.
        about: words that everybody knows of its owner: e-mail address, name, tenant.

    Raises:
        InputError: too short or long, one of the most common with or without digits at its ends, a row of keys, or
            little more than its owner's name or address.
    """
    plain = unicodedata.normalize("NFKC", password).casefold()
    if not SHORTEST <= len(plain) <= LONGEST:
        what = "the password is too short" if len(plain) < SHORTEST else "the password is too long"
        raise InputError(what, expected=f"{SHORTEST} to {LONGEST} characters")
    letters = re.sub(r"[^a-z]", "", plain)
    disguised = re.sub(r"[^a-z]", "", plain.strip("0123456789 !?.,-_#*").translate(_LOOKALIKES))
    if {plain, letters, disguised} & _common() or _is_row(plain):
        raise InputError(
            "the password is among the first that are guessed", expected="one that only you would think of"
        )
    rest = plain
    for word in _words(about):
        rest = rest.replace(word, "")
    if len(rest) < _LEFT and rest != plain:
        raise InputError("the password is little more than a name or address", expected="one without them")


def _is_row(plain: str) -> bool:
    """Few different characters, or nothing but neighbours on a keyboard or in the alphabet."""
    if len(set(plain)) <= 3:
        return True
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    pairs = list(pairwise(plain))
    beside = sum(any(a + b in row for row in rows) for a, b in pairs)
    return beside >= len(pairs) - 1


def _words(about: tuple[str, ...]) -> list[str]:
    words = {word for text in about for word in (text.casefold(), *re.split(r"[^\w]+", text.casefold()))}
    return sorted((word for word in words if len(word) >= 3), key=len, reverse=True)


async def hash_password(password: str) -> str:
    """Hash for keeping; takes tens of milliseconds of a core, outside the event loop."""
    return await asyncio.to_thread(_hasher().hash, _normal(password))


async def is_right(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; without one it takes as long and is wrong."""
    return await asyncio.to_thread(_verify, password, kept if len(password) <= LONGEST else None)


def _verify(password: str, kept: str | None) -> bool:
    try:
        return _hasher().verify(kept or _nobody(), _normal(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> bytes:
    # The same characters typed on another machine may come composed otherwise; half a character is a wrong password.
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(kept)
