"""Gaps: source time that nobody read, found by the machine's own clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

BRIDGE_DOWN = "bridge_down"
MISSED_SCAN = "missed_scan"
DEVICE_LOST = "device_lost"
_STEPS_KEPT = 101
_LEARN_EVERY = 8
_TOLERANCE = 1.5


class Gap(NamedTuple):
    """Nothing was read of a machine between two source times, both exclusive."""

    equipment_id: str
    from_us: int
    to_us: int
    reason: str


class MachineClock:
    """Learns the step of one machine's clock and tells when it jumped over more than one."""

    def __init__(self, equipment_id: str, journaled: Iterable[int] = ()) -> None:
        self._equipment_id = equipment_id
        self._steps: deque[int] = deque(maxlen=_STEPS_KEPT)
        self._newest: int | None = None
        self._limit: float | None = None
        self._seen = 0
        for ts_us in sorted(set(journaled)):
            self._learn(ts_us)

    def observe(self, ts_us: int, reason: str) -> Gap | None:
        """Take one reading's source time; a gap if steps are missing before it."""
        newest, limit = self._newest, self._limit
        if newest is not None and ts_us <= newest:
            return None
        self._learn(ts_us)
        if newest is None:
            return None
        if limit is None:
            # The step is unknown: after a pause of the bridge nobody can say that nothing was missed.
            return Gap(self._equipment_id, newest, ts_us, reason) if reason == BRIDGE_DOWN else None
        if ts_us - newest <= limit:
            return None
        return Gap(self._equipment_id, newest, ts_us, reason)

    def _learn(self, ts_us: int) -> None:
        if self._newest is not None:
            self._steps.append(ts_us - self._newest)
            self._seen += 1
            if self._seen <= _LEARN_EVERY or self._seen % _LEARN_EVERY == 0:
                self._limit = _TOLERANCE * median(self._steps)
        self._newest = ts_us
