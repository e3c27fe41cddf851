"""Items whose values the server sends in a form that cannot be decoded: done without, and asked for again at times."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bridge.driver import Series

_FIRST_S, _LONGEST_S = 600.0, 86_400.0
"""Each time again costs a connection."""
_MOST = 32
"""Beyond so many it is not the items: the server or the line garbles whatever it sends."""


class LeftOut:
    """Signals that are done without; they survive a connection."""

    def __init__(self) -> None:
        self._until: dict[Series, float] = {}
        self._pause: dict[Series, float] = {}

    @property
    def named(self) -> tuple[Series, ...]:
        """Which."""
        return tuple(self._until)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._until)

    def add(self, series: Series) -> bool:
        """Do without one from now on; false if that is so already, or there are too many."""
        if series in self._until or len(self._until) >= _MOST:
            return False
        pause = min(2 * self._pause[series], _LONGEST_S) if series in self._pause else _FIRST_S
        self._pause[series] = pause
        self._until[series] = time.monotonic() + pause
        return True

    def without(self, series: Iterable[Series]) -> list[Series]:
        """All but those."""
        return [one for one in series if one not in self._until]

    def due(self) -> list[Series]:
        """Those to try again now; they are left out no more."""
        now = time.monotonic()
        found = [one for one, until in self._until.items() if until <= now]
        for one in found:
            del self._until[one]
        return found
