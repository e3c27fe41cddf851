"""What became of one poll since the connection was made: how far it fell apart, its clock, what was told of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from bridge.driver import Repeat, Series
from bridge.drivers.modbus.decode import CLOCK
from bridge.drivers.modbus.plan import Poll, Read
from bridge.drivers.modbus.profiles import Meaning
from core.contracts.quality import GOOD, UNCERTAIN
from core.contracts.reading import Sample

_LAST_US = 253_402_300_800_000_000
"""The year 10000: a clock beyond it is none."""
Taken = list[tuple[Read, list[int]]]


class Standing:
    """One poll on its way; `reads` are those the device was found to serve."""

    def __init__(self, poll: Poll, rejoin_after_s: float) -> None:
        self.poll = poll
        self.reads: list[Read] = list(poll.reads)
        self._rejoin_after_s = rejoin_after_s
        self._rejoin_at = math.inf
        self._last: Taken = []
        self._told: dict[Series, Meaning] = {}
        self._seen: tuple[int, float] | None = None

    def due(self, now: float) -> list[Read]:
        """Reads to ask now; what fell apart is put together again from time to time."""
        if now >= self._rejoin_at:
            self.reads, self._rejoin_at = list(self.poll.reads), math.inf
        return self.reads

    def keep(self, reads: list[Read], now: float) -> None:
        """Reads as the device was found to serve them."""
        if len(reads) > len(self.poll.reads) and self._rejoin_at == math.inf:
            self._rejoin_at = now + self._rejoin_after_s
        self.reads = reads

    def clock_of(self, taken: Taken) -> int | None:
        """The machine's own time in microseconds; None if it was not read or shows no time."""
        clock = self.poll.clock
        for read, words in taken:
            if clock is not None and clock in read.points:
                number = read.layout.clock(words, clock)
                ts_us = int(number * self.poll.clock_us) if math.isfinite(number) else -1
                return ts_us if 0 <= ts_us < _LAST_US else None
        return None

    def accept(self, taken: Taken) -> tuple[list[Sample], Repeat | None]:
        """Samples of what was read; a repeat instead if a machine with a clock stood still."""
        if not taken:
            return [], None
        if self.poll.clock is None:
            ts_us, quality = time.time_ns() // 1000, GOOD
        else:
            shown = self.clock_of(taken)
            if shown is not None and taken == self._last:
                return [], Repeat(self.poll.clock.equipment_id, shown)
            self._last = taken
            if shown is None:
                ts_us, quality = self._estimate(), UNCERTAIN
            else:
                ts_us, quality = shown, GOOD
                self._seen = shown, time.monotonic()
        for read, _ in taken:
            for point in read.points:
                self._told.pop(point.series, None)
        return [one for read, words in taken for one in read.layout.samples(words, ts_us, quality)], None

    def refuse(self, reads: Iterable[Read], meaning: Meaning) -> list[Sample]:
        """One Bad sample a signal when it begins to be refused, silence while that lasts."""
        ts_us = self._estimate()
        self._last = []
        made: list[Sample] = []
        for point in (point for read in reads for point in read.points):
            if self._told.get(point.series) != meaning and point.signal != CLOCK:
                made.append(Sample(*point.series, ts_us, None, None, meaning.quality))
            self._told[point.series] = meaning
        return made

    def knows(self, read: Read, meaning: Meaning) -> bool:
        """True if this refusal was told of every point of the read."""
        return all(self._told.get(point.series) == meaning for point in read.points)

    def _estimate(self) -> int:
        """The machine's own time by this machine's clock, while its own cannot be read."""
        if self._seen is None:
            return time.time_ns() // 1000
        shown, at = self._seen
        return shown + max(int((time.monotonic() - at) * 1_000_000), 1)
