"""Gaps: source time that nobody read, found by the machine's own clock."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

BRIDGE_DOWN = "bridge_down"
MISSED_SCAN = "missed_scan"
DEVICE_LOST = "device_lost"
OUTBOX_FULL = "outbox_full"
"""Nobody read because what had been read filled the disk that it may fill."""
_STEPS_KEPT = 101
_LEARN_EVERY = 8
_TOLERANCE = 1.5


class Gap(NamedTuple):
    """Nothing was read of a machine between two source times, both exclusive."""

    equipment_id: str
    from_us: int
    to_us: int
    reason: str


@dataclass(slots=True)
class GapChanges:
    """What readings said about gaps.

    Attributes:
        found: gaps to record, parts of narrowed ones included.
        narrowed: gaps that a reading turned up in, found earlier or just now; their parts take their place.
        set_back: times of the bridge's clock in which nobody read a machine whose own clock was earlier afterwards.
            They are no source time: no reading narrows them, and they overlap with no gap.
    """

    found: list[Gap] = field(default_factory=list[Gap])
    narrowed: list[Gap] = field(default_factory=list[Gap])
    set_back: list[Gap] = field(default_factory=list[Gap])


class KnownGaps:
    """Recorded gaps by machine, which never overlap.

    A clock that ran ahead and came back leaves a gap that its later readings fill: each narrows it.
    """

    def __init__(self, recorded: Iterable[Gap] = ()) -> None:
        self._of_machine: dict[str, list[Gap]] = {}
        for gap in recorded:
            self._insert(gap)

    def _insert(self, gap: Gap) -> None:
        known = self._of_machine.setdefault(gap.equipment_id, [])
        known.insert(bisect_left(known, gap), gap)

    def closed_before(self, ts_us: int) -> bool:
        """Whether no reading from this source time on can turn up in any of them."""
        return all(known[-1].to_us <= ts_us for known in self._of_machine.values() if known)

    def add(self, gap: Gap, changes: GapChanges) -> None:
        """Take a gap that was just found."""
        self._insert(gap)
        changes.found.append(gap)

    def read_at(self, equipment_id: str, ts_us: int, step_us: float, changes: GapChanges) -> None:
        """Take a reading; a gap around it falls into the parts before and after, of which those of a step are none."""
        known = self._of_machine.get(equipment_id)
        if not known or ts_us >= known[-1].to_us:
            return
        place = bisect_left(known, ts_us, key=lambda gap: gap.from_us) - 1
        if place < 0 or ts_us >= known[place].to_us:
            return
        gap = known[place]
        parts = [gap._replace(to_us=ts_us), gap._replace(from_us=ts_us)]
        parts = [part for part in parts if part.to_us - part.from_us > step_us]
        known[place : place + 1] = parts
        changes.narrowed.append(gap)
        changes.found.extend(parts)


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

    @property
    def longest_step_us(self) -> float:
        """Distance between two readings up to which nothing is missing; 0 while the step is unknown."""
        return self._limit or 0.0

    @property
    def newest_us(self) -> int | None:
        """The newest time it showed; None if it showed none."""
        return self._newest

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
