"""How often somebody may ask: a bucket of a minute's requests that fills up again while nobody takes from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MINUTE_S = 60.0
_MOST = 10_000


class Rates:
    """The buckets of one process; another one counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Full buckets.

        Args:
            clock: seconds, never going back.
        """
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, who: Hashable, per_minute: float) -> float:
        """One request more.

        Args:
            who: whose bucket.
            per_minute: its size, and how much flows back in a minute.

        Returns:
            0 if it is within the rate, else the seconds until it would be; nothing is taken then.
        """
        now = self._clock()
        left, at = self._buckets.pop(who, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / _MINUTE_S)
        within = left >= 1.0
        if len(self._buckets) >= _MOST:
            # The one that was not used for longest: it has filled up, or will soon.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[who] = (left - 1.0 if within else left, now)
        return 0.0 if within else (1.0 - left) * _MINUTE_S / per_minute
