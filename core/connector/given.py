"""What a module hands in, held to its shape before anything is made of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.errors import InputError


def as_list(value: object, what: str, where: str, *, example: str) -> Sequence[Any]:
    """A list or tuple; one text is not a list of its letters.

    Raises:
        InputError: it is something else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return cast("Sequence[Any]", value)
    raise InputError(f"{what} is a list", expected=f"for example {example}", received=value, where=where)


def as_mapping(value: object, what: str, where: str, *, example: str) -> Mapping[Any, Any]:
    """A mapping.

    Raises:
        InputError: it is something else.
    """
    if isinstance(value, Mapping):
        return cast("Mapping[Any, Any]", value)
    raise InputError(f"{what} is a mapping", expected=f"for example {example}", received=value, where=where)
