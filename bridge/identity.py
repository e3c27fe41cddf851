"""Identity of readings: (equipment, signal, source time). Tells new readings from re-reads and from conflicts."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import cache

import numpy as np
import pyarrow as pa

from bridge.block import Block, Bools, Floats, Ints, Legend, Qualities, together
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


_NEVER = np.iinfo(np.int64).max
_UNKNOWN = np.iinfo(np.int64).min
_SETTLED_ROWS = 200_000
"""Readings of blocks that wait before they are sorted into memory, unless somebody asks for one of them earlier."""
_NAN, _NONE = 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001
"""Bits that stand for any NaN, and for no value."""
_SPREAD = 0x9E37_79B9_7F4A_7C15
_ALL = (1 << 64) - 1


def fingerprint(value: float | None, text: str | None, quality: int) -> int:
    """Equal for equal readings of one source time, NaN being equal to NaN; valid inside one process."""
    if value is None:
        bits = _NONE
    elif value != value:
        bits = _NAN
    else:
        bits = struct.unpack("<Q", struct.pack("<d", value + 0.0))[0]  # adding zero makes -0.0 equal to 0.0
    mark = bits ^ _salt(quality)
    return _signed(mark if text is None else mark ^ hash(text) * _SPREAD & _ALL)


def fingerprints(value: Floats, valid: Bools, quality: Qualities) -> Ints:
    """The same of many readings without text."""
    bits = (value + 0.0).view(np.uint64)
    bits[np.isnan(value)] = _NAN
    bits[~valid] = _NONE
    kinds, kind = np.unique(quality, return_inverse=True)
    salts = np.array([_salt(one) for one in kinds.tolist()], dtype=np.uint64)
    return (bits ^ salts[kind]).view(np.int64)


@cache
def _salt(quality: int) -> int:
    """Bits of a quality, spread so that they do not meet those of a value (the finalizer of SplitMix64)."""
    mixed = (quality + 1) * _SPREAD & _ALL
    mixed = (mixed ^ mixed >> 30) * 0xBF58_476D_1CE4_E5B9 & _ALL
    mixed = (mixed ^ mixed >> 27) * 0x94D0_49BB_1331_11EB & _ALL
    return mixed ^ mixed >> 31


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


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
        self._cut()

    def extend(self, times: Ints, marks: Ints) -> None:
        """Take readings newer than all that are known, oldest first."""
        self.times.frombytes(times.tobytes())
        self.prints.frombytes(marks.tobytes())
        self._cut()

    def _cut(self) -> None:
        if len(self.times) > REMEMBERED + REMEMBERED // 4:
            del self.times[:-REMEMBERED]
            del self.prints[:-REMEMBERED]
            self.truncated = True


class _Arrivals:
    """Readings of one legend's blocks that are not sorted into memory yet."""

    def __init__(self, legend: Legend, newest: Ints) -> None:
        self.legend, self.newest = legend, newest
        self.waits = np.zeros(len(newest), np.bool_)
        """Series of which there are some."""
        self.blocks: list[Block] = []
        self.rows = 0

    def newer(self, block: Block) -> Bools:
        """Readings of series whose readings in the block are all newer than what is known, each than the one before."""
        late = block.ts <= self.newest[block.code]
        if np.bincount(block.code, minlength=len(self.newest)).max(initial=0) > 1:
            order = np.argsort(block.code, kind="stable")
            back = (np.diff(block.code[order]) == 0) & (np.diff(block.ts[order]) <= 0)
            late[order[1:][back]] = True
        if not late.any():
            return ~late
        doubtful = np.zeros(len(self.newest), np.bool_)
        doubtful[block.code[late]] = True
        return ~doubtful[block.code]

    def add(self, block: Block) -> None:
        np.maximum.at(self.newest, block.code, block.ts)
        self.waits[block.code] = True
        self.blocks.append(block)
        self.rows += len(block)


class IdentityIndex:
    """Everything recent in memory; older source times are looked up through `find`."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._series: dict[Series, _Memory] = {}
        self._partial = False
        self._below: dict[tuple[Series, int], list[int]] = {}
        self._arrivals: dict[Legend, _Arrivals] = {}
        self._place: dict[Series, tuple[_Arrivals, int]] = {}

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

    def admit_newer(self, block: Block) -> Bools:
        """Remember those readings of a block that nobody has to judge, because they are newer than all known.

        Returns:
            Which they are, all NEW. The others are to be given to `admit`, one by one.
        """
        arrivals = self._arrivals.get(block.legend) or self._expect(block.legend)
        newer = arrivals.newer(block)
        arrivals.add(block if newer.all() else block.take(newer))
        if arrivals.rows >= _SETTLED_ROWS:
            self._settle(arrivals)
        return newer

    def _expect(self, legend: Legend) -> _Arrivals:
        # What is not in a memory that is not complete may still be in the journal: it has to be looked for.
        nothing = _NEVER if self._partial else _UNKNOWN
        known = (self._series.get(one) for one in legend.series)
        newest = [memory.times[-1] if memory is not None and memory.times else nothing for memory in known]
        found = self._arrivals[legend] = _Arrivals(legend, np.array(newest, np.int64))
        self._place |= {series: (found, code) for code, series in enumerate(legend.series)}
        return found

    def _settle(self, arrivals: _Arrivals) -> None:
        """Sort what waits into memory."""
        blocks, arrivals.blocks, arrivals.rows = arrivals.blocks, [], 0
        arrivals.waits[:] = False
        if not blocks:
            return
        whole = together(blocks)
        marks = fingerprints(whole.value, whole.valid, whole.quality)
        order = np.argsort(whole.code, kind="stable")
        ts, marks = whole.ts[order], marks[order]
        codes, starts = np.unique(whole.code[order], return_index=True)
        for code, start, end in zip(codes.tolist(), starts.tolist(), [*starts.tolist()[1:], len(ts)], strict=True):
            memory = self._series.setdefault(arrivals.legend.series[code], _Memory(self._partial))
            memory.extend(ts[start:end], marks[start:end])

    def _settle_all(self) -> None:
        for arrivals in self._arrivals.values():
            self._settle(arrivals)

    def admit(self, sample: Sample) -> Verdict:
        """Judge a reading, and remember it unless it is known."""
        series = (sample.equipment_id, sample.signal)
        place = self._place.get(series)
        if place is not None and place[0].waits[place[1]]:
            self._settle(place[0])
        memory = self._series.get(series)
        if memory is not None and memory.times and sample.ts_us > memory.times[-1]:
            mark = fingerprint(sample.value, sample.text, sample.quality)
            memory.insert(len(memory.times), sample.ts_us, mark)
            verdict = Verdict.NEW
        else:
            verdict = self._judge(sample)
        if place is not None and (memory := self._series[series]).times:
            place[0].newest[place[1]] = memory.times[-1]
        return verdict

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
        self._settle_all()
        return {series: memory.times[-1] for series, memory in self._series.items() if memory.times}

    def times_of(self, equipment_id: str, signals: Iterable[str]) -> Iterable[int]:
        """Remembered source times of the longest remembered of some signals of a machine."""
        self._settle_all()
        known = [self._series[equipment_id, one].times for one in signals if (equipment_id, one) in self._series]
        return max(known, key=len, default=array("q"))
