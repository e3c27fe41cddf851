"""Secrets that stand in files of the bridge's machine: read only if nobody else can read them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from core.errors import InputError

_OTHERS = 0o077


def check_private(path: Path, what: str) -> None:
    """Refuse a file that others than its owner may read or change.

    Raises:
        InputError: they may, or there is no such file.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"{what} cannot be read", received=error.strerror, where=str(path)) from error
    if mode & _OTHERS:
        raise InputError(
            f"{what} is open to others",
            expected="mode 600",
            received=f"{mode & 0o777:o}",
            where=str(path),
            next_step=f"chmod 600 {path}",
        )


def read_secret(path: Path, what: str) -> SecretStr:
    """The text of a secret's file, without the line's end.

    Raises:
        InputError: the file is missing, empty, no text, or open to others.
    """
    check_private(path, what)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} cannot be read", received=type(error).__name__, where=str(path)) from error
    if not text:
        raise InputError(f"{what} is empty", where=str(path))
    return SecretStr(text)
