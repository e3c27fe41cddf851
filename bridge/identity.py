"""Identity of readings: (equipment, signal, source time). Tells new readings from re-reads and from conflicts."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

import pyarrow as pa

from bridge.driver import Series
from bridge.journal import samples_of
from core.contracts.reading import Sample

REMEMBERED = 20_000
"""Readings kept in memory for each series."""
_REBUILT_ROWS = 1_000_000
Find = Callable[[Series, int], list[Sample]]


class Verdict(Enum):
    """What a reading is to what is known."""

    NEW = "new"
    AGAIN = "again"
    CONFLICT = "conflict"


def fingerprint(value: float | None, text: str | None, quality: int) -> int:
    """Equal for equal readings of one source time, NaN being equal to NaN; valid inside one process."""
    # Written out, because Python gives -1.0 and -2.0 the same hash; adding zero makes -0.0 equal to 0.0.
    return hash(f"{None if value is None else value + 0.0!r}|{quality}|{text!r}")


class _Memory:
    """Recent readings of one series, sorted by source time."""

    __slots__ = ("prints", "times", "truncated")

    def __init__(self, truncated: bool) -> None:
        self.times = array("q")
        self.prints = array("q")
        self.truncated = truncated

    def below_floor(self, at: int) -> bool:
        """True if what belongs at this place is older than all that memory is sure to know completely."""
        return self.truncated and at == 0 and len(self.times) > 0

    def insert(self, at: int, ts_us: int, mark: int) -> None:
        self.times.insert(at, ts_us)
        self.prints.insert(at, mark)
        if len(self.times) > REMEMBERED + REMEMBERED // 4:
            del self.times[: REMEMBERED // 4]
            del self.prints[: REMEMBERED // 4]
            self.truncated = True


class IdentityIndex:
    """Everything recent in memory; older source times are looked up through `find`."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._series: dict[Series, _Memory] = {}
        self._partial = False
        self._below: dict[tuple[Series, int], list[int]] = {}

    @classmethod
    def rebuild(cls, frames: Iterator[pa.RecordBatch], find: Find) -> IdentityIndex:
        """The index of a journal, from its newest frame back as far as memory goes."""
        index = cls(find)
        rows = 0
        kept: list[pa.RecordBatch] = []
        for batch in frames:
            if rows >= _REBUILT_ROWS:
                index._partial = True
                break
            kept.append(batch)
            rows += batch.num_rows
        for batch in reversed(kept):
            for sample in samples_of(batch):
                index._remember(sample)
        return index

    def admit(self, sample: Sample) -> Verdict:
        """Judge a reading, and remember it unless it is known."""
        memory = self._series.get((sample.equipment_id, sample.signal))
        if memory is not None and memory.times and sample.ts_us > memory.times[-1]:
            mark = fingerprint(sample.value, sample.text, sample.quality)
            memory.insert(len(memory.times), sample.ts_us, mark)
            return Verdict.NEW
        return self._judge(sample)

    def _judge(self, sample: Sample) -> Verdict:
        series = (sample.equipment_id, sample.signal)
        memory = self._series.setdefault(series, _Memory(self._partial))
        mark = fingerprint(sample.value, sample.text, sample.quality)
        first = bisect_left(memory.times, sample.ts_us)
        last = bisect_right(memory.times, sample.ts_us)
        marks = list(memory.prints[first:last])
        if memory.truncated and first == 0:
            old = self._find(series, sample.ts_us)
            marks.extend(fingerprint(one.value, one.text, one.quality) for one in old)
            marks.extend(self._below.get((series, sample.ts_us), ()))
        if mark in marks:
            return Verdict.AGAIN
        if memory.below_floor(first):
            self._below.setdefault((series, sample.ts_us), []).append(mark)
        else:
            memory.insert(last, sample.ts_us, mark)
        return Verdict.CONFLICT if marks else Verdict.NEW

    def _remember(self, sample: Sample) -> None:
        memory = self._series.setdefault((sample.equipment_id, sample.signal), _Memory(self._partial))
        at = bisect_right(memory.times, sample.ts_us)
        if not memory.below_floor(at):
            memory.insert(at, sample.ts_us, fingerprint(sample.value, sample.text, sample.quality))

    def journaled(self) -> None:
        """Everything admitted so far can be found in the journal."""
        self._below.clear()

    def newest(self) -> dict[Series, int]:
        """Newest source time of every series."""
        return {series: memory.times[-1] for series, memory in self._series.items() if memory.times}

    def times_of(self, equipment_id: str, signals: Iterable[str]) -> Iterable[int]:
        """Remembered source times of the longest remembered of some signals of a machine."""
        known = [self._series[equipment_id, one].times for one in signals if (equipment_id, one) in self._series]
        return max(known, key=len, default=array("q"))
