"""A value that never shows itself by accident. Edge-safe."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

_SHOWN = "Secret(hidden)"


@final
class Secret:
    """Text that is readable through `reveal` and in no other way.

    Printing, formatting, logging and a traceback's locals show a placeholder; pickling and JSON are refused, so that
    it cannot leave the process inside something else. It cannot be subclassed or changed.
    """

    __slots__ = ("__value",)
    __value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_Secret__value", value)

    def reveal(self) -> str:
        """The value; call it where it is used and keep it in no variable longer than that."""
        return self.__value

    def is_text(self) -> bool:
        """Whether it can be written down at all; an error in doing so would carry the value along."""
        try:
            self.__value.encode()
        except UnicodeEncodeError:
            return False
        return True

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, _: str) -> str:
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__value.encode(), other.__value.encode())

    # Not even a hash: it would be the same in every set, and short values can be guessed from it.
    __hash__ = None  # pyright: ignore[reportAssignmentType]  the way Python says "not hashable"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __setattr__(self, name: str, _: object) -> NoReturn:
        raise AttributeError(f"a secret is not changed: {name}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret is not pickled")
