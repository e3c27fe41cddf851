"""What a tenant may be called. Pure."""

from __future__ import annotations

import re

from core.errors import InputError

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")
_LONGEST_NAME = 200


def check_slug(slug: str) -> None:
    """Go on only with what can be a tenant's slug.

    Raises:
        InputError: it cannot.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            "not a tenant's slug", expected="3 to 40 of a-z, 0-9 and -, a letter first, no - at the end", received=slug
        )


def check_name(name: str) -> None:
    """Go on only with what people can read as a tenant's name.

    Raises:
        InputError: they cannot.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError("not a tenant's name", expected=f"1 to {_LONGEST_NAME} characters in one line", received=name)
