"""How much may go out now: a bucket that fills steadily and holds one second's worth."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rate:
    """A limit of so many things a second.

    Args:
        per_s: things in a second.
        clock: seconds, monotonic.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._clock = per_s, clock
        self._held, self._at = max(per_s, 1.0), clock()

    def allowed(self) -> int:
        """How many may go now."""
        now = self._clock()
        self._held = min(self._held + (now - self._at) * self._per_s, max(self._per_s, 1.0))
        self._at = now
        return int(self._held)

    def took(self, count: int) -> None:
        """So many went."""
        self._held -= count
