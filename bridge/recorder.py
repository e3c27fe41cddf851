"""Scans to journal frames: drops identical re-reads, keeps conflicts, finds gaps. No contract here."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple, cast

import pyarrow as pa

from bridge import segments
from bridge.block import Block, together
from bridge.contract.columns import unite
from bridge.driver import Scan, Series
from bridge.gaps import BRIDGE_DOWN, DEVICE_LOST, MISSED_SCAN, OUTBOX_FULL, Gap, GapChanges, KnownGaps, MachineClock
from bridge.identity import IdentityIndex, Verdict
from bridge.journal import HOUR_US, Also, Journal, Notes, last_came, last_received, recorded_gaps
from bridge.past import OldReadings, newest_first
from bridge.space import database_bytes
from bridge.store import Store, StoreError
from core import clock
from core.contracts.quality import GOOD
from core.contracts.reading import CLOCK_SET_BACK, Sample, readings_to_arrow
from core.contracts.site import SiteFile
from core.log import get_logger

_FRAME_ROWS = 10_000
_NOTES_WAIT_S = 30.0
"""Re-reads alone, without a new reading, are written this seldom."""
_log = get_logger("bridge")


def _nothing_more(_connection: sqlite3.Connection, _rows: int) -> None:
    """A maker that remembers nothing."""


class _Leave(NamedTuple):
    """What was known of a machine when nobody read it any more: its own newest time, and when that came."""

    newest_us: int | None
    came_us: int | None


class _Draft:
    """A frame on its way: readings in the order they came, conflicts among them, and what they say about gaps."""

    def __init__(self) -> None:
        self.rows = 0
        self.conflicts: Counter[tuple[str, str, int]] = Counter()
        self.gaps = GapChanges()
        self._pieces: list[list[Sample] | list[Block]] = []

    def add(self, sample: Sample) -> None:
        """A reading of its own."""
        last = self._pieces[-1] if self._pieces else []
        if last and isinstance(last[0], Sample):
            cast("list[Sample]", last).append(sample)
        else:
            self._pieces.append([sample])
        self.rows += 1

    def add_block(self, block: Block) -> None:
        """Many at a time."""
        last = self._pieces[-1] if self._pieces else []
        if last and isinstance(last[0], Block) and last[0].legend is block.legend:
            cast("list[Block]", last).append(block)
        else:
            self._pieces.append([block])
        self.rows += len(block)

    def to_arrow(self, site: str) -> pa.RecordBatch:
        """Rows of `READING_SCHEMA`."""
        batches: list[pa.RecordBatch] = []
        for piece in self._pieces:
            blocks = [one for one in piece if isinstance(one, Block)]
            samples = [one for one in piece if isinstance(one, Sample)]
            batches.append(together(blocks).to_arrow(site) if blocks else readings_to_arrow(site, samples))
        return unite(batches)


class Recorder:
    """Turns what drivers brought into durable frames; safe to call from several threads.

    Args:
        store: the home folder.
        site: names the machines and their signals.
        clocked: see `Driver.clocked`.
    """

    def __init__(self, store: Store, site: SiteFile, *, clocked: bool) -> None:
        self._connection, self._home = store.connect(), store.home
        self._site = site.site
        self._journal = Journal(self._connection, site.site)
        # What no device has tells nothing about whether a device was read.
        self._signals = {unit.id: [signal.name for signal in unit.signals] for unit in site.measured().units()}
        self._derived = frozenset(site.derived())
        self._clocked = clocked
        # A recording that is served again begins at its first row, and what it shows of that is what it showed before.
        self._may_be_set_back = clocked and site.recording is None
        self._started: set[str] = set()
        self._connected_before: set[str] = set()
        self._lock = threading.Lock()
        self._stood_still: set[str] = set()
        self._notes: Counter[tuple[str, str, int]] = Counter()
        self._repeats: Counter[tuple[str, int]] = Counter()
        self._noted_at = time.monotonic()
        self.last_received_us = last_received(self._connection)
        """When the process before this one journaled its last frame, by this machine's clock; None if none did."""
        self._load()
        # The first conversion loads what Arrow needs of other libraries; no reading should wait for that.
        readings_to_arrow(site.site, [])
        # Frames are sealed while a device is away, so that this has to be looked up before.
        series = {(one, signal) for one, signals in self._signals.items() for signal in signals}
        self._came = last_came(self._connection, series) if self._may_be_set_back else {}
        self._away: dict[str, _Leave] = {}
        self._heard: set[str] = set()

    def _load(self) -> None:
        """Everything in memory that the journal knows better."""
        find = OldReadings(self._connection, self._home).find
        self._index = IdentityIndex.rebuild(newest_first(self._connection, self._home), find)
        self._forgotten = segments.forgotten(self._connection)
        self._clocks = {
            one: MachineClock(one, self._index.times_of(one, signals))
            for one, signals in self._signals.items()
            if self._clocked
        }
        self._gaps = KnownGaps(recorded_gaps(self._connection))
        self._losses: dict[str, tuple[int, str]] = {}

    def newest(self) -> Mapping[Series, int]:
        """Newest journaled source time of each series."""
        with self._lock:
            return self._forgotten | self._index.newest()

    def database_bytes(self) -> int:
        """Size of journal and outbox."""
        with self._lock:
            return database_bytes(self._connection)

    def stand_still(self) -> None:
        """Nobody reads from now on, because there is no room: the next gap of every machine has that reason."""
        self._stood_still = set(self._signals)

    def record(self, scans: Sequence[Scan]) -> int:
        """Append what is new.

        Returns:
            Rows appended; they are durable.

        Raises:
            StoreError: nothing of what failed is remembered; the same scans may be given again.
        """
        with self._lock:
            away = dict(self._away)
            try:
                return self._record(scans)
            except StoreError:
                self._load()
                self._away = away
                self._heard.clear()
                raise

    def derive(self, samples: Sequence[Sample], also: Also = _nothing_more) -> int:
        """Append what was made on site and is new, together with what its maker remembers of it.

        No machine's clock looks at it: it is no sign that a device was read.

        Returns:
            Rows appended; they and the memory are durable.

        Raises:
            StoreError: neither rows nor memory are there; the same samples may be given again.
        """
        with self._lock:
            try:
                return self._derive(samples, also)
            except BaseException:
                # Whatever ended it, the index must not know rows that the journal does not have.
                self._load()
                raise

    def _derive(self, samples: Sequence[Sample], also: Also) -> int:
        rows: list[Sample] = []
        seen: Notes = {}
        for sample in samples:
            verdict = self._index.admit(sample)
            if verdict is not Verdict.NEW:
                key = (sample.equipment_id, sample.signal, sample.ts_us // HOUR_US * HOUR_US)
                seen.setdefault(key, [0, 0])[verdict is Verdict.CONFLICT] += 1
            if verdict is not Verdict.AGAIN:
                rows.append(sample)
        pieces = [rows[start : start + _FRAME_ROWS] for start in range(0, len(rows), _FRAME_ROWS)]
        self._journal.append_derived(pieces or ([[]] if seen else []), seen, also)
        self._index.journaled()
        return len(rows)

    def _record(self, scans: Sequence[Scan]) -> int:
        draft = _Draft()
        written = 0
        for scan in scans:
            self._note_unfilled(scan)
            if self._away:
                self._take_back(scan, draft.gaps)
            for repeat in scan.repeats:
                self._heard.add(repeat.equipment_id)
                self._repeats[repeat.equipment_id, repeat.ts_us // HOUR_US * HOUR_US] += 1
            for piece in (scan.samples, *scan.blocks):
                for start in range(0, len(piece), _FRAME_ROWS):
                    some = slice(start, start + _FRAME_ROWS)
                    if isinstance(piece, Block):
                        self._take_block(piece.take(some), draft)
                    else:
                        self._take(piece[some], draft)
                    if draft.rows >= _FRAME_ROWS:
                        written += self._append(draft)
                        draft = _Draft()
        noted_s = time.monotonic() - self._noted_at
        if draft.rows or draft.gaps.set_back or (self._has_notes() and noted_s >= _NOTES_WAIT_S):
            written += self._append(draft)
        self._came.update(dict.fromkeys(self._heard, clock.now_us()))
        self._heard.clear()
        return written

    def _take(self, samples: Sequence[Sample], draft: _Draft) -> None:
        """Judge readings one by one."""
        watched = ("", 0)
        for sample in samples:
            verdict = self._index.admit(sample)
            if verdict is Verdict.AGAIN:
                self._heard.add(sample.equipment_id)
                self._notes[sample.equipment_id, sample.signal, sample.ts_us // HOUR_US * HOUR_US] += 1
                continue
            if verdict is Verdict.CONFLICT:
                draft.conflicts[sample.equipment_id, sample.signal, sample.ts_us // HOUR_US * HOUR_US] += 1
            if sample.ts_us != watched[1] or sample.equipment_id != watched[0]:
                watched = (sample.equipment_id, sample.ts_us)
                self._heard.add(sample.equipment_id)
                self._watch(*watched, draft.gaps)
            draft.add(sample)

    def _take_block(self, block: Block, draft: _Draft) -> None:
        """Judge readings at once, as far as they are newer than all that is known."""
        newer = self._index.admit_newer(block)
        if not newer.all():
            self._take(block.take(~newer).samples(), draft)
            block = block.take(newer)
        if not len(block):
            return
        if self._clocked or self._losses or self._stood_still or not self._gaps.closed_before(int(block.ts.min())):
            moments = ((one.equipment_id, one.ts_us) for one in block.samples())
            for machine, ts_us in dict.fromkeys(moments):
                self._heard.add(machine)
                self._watch(machine, ts_us, draft.gaps)
        draft.add_block(block)

    def _append(self, draft: _Draft) -> int:
        notes = self._take_notes(draft.conflicts)
        self._journal.append(draft.to_arrow(self._site), notes, draft.gaps)
        self._index.journaled()
        self._notes.clear()
        self._repeats.clear()
        self._noted_at = time.monotonic()
        return draft.rows

    def _has_notes(self) -> bool:
        return bool(self._notes or self._repeats)

    def _take_notes(self, conflicts: Counter[tuple[str, str, int]]) -> Notes:
        notes: Notes = {key: [count, 0] for key, count in self._notes.items()}
        for (equipment, hour), count in self._repeats.items():
            for signal in self._signals.get(equipment, ()):
                notes.setdefault((equipment, signal, hour), [0, 0])[0] += count
        for key, count in conflicts.items():
            notes.setdefault(key, [0, 0])[1] += count
        return notes

    def _note_unfilled(self, scan: Scan) -> None:
        if self._clocked:
            # The gap of a machine with a clock is told by its clock, unless that was set back.
            if self._may_be_set_back:
                for one in scan.unfilled & self._clocks.keys():
                    self._away.setdefault(one, _Leave(self._clocks[one].newest_us, self._came.get(one)))
            return
        if not scan.unfilled:
            return
        newest: dict[str, int] = {}
        for (equipment, signal), ts_us in self._index.newest().items():
            if (equipment, signal) not in self._derived:
                newest[equipment] = max(ts_us, newest.get(equipment, ts_us))
        for one in scan.unfilled & newest.keys():
            known = DEVICE_LOST if one in self._connected_before else BRIDGE_DOWN
            self._losses[one] = newest[one], OUTBOX_FULL if self._stood_still else known
        self._connected_before |= scan.unfilled

    def _take_back(self, scan: Scan, gaps: GapChanges) -> None:
        """Look at the clocks of machines that are read again; one that is refused still is not."""
        for one in chain(scan.samples, *(block.samples() for block in scan.blocks)):
            if one.equipment_id in self._away and one.quality == GOOD:
                newest, since = self._away.pop(one.equipment_id)
                if newest is not None and one.ts_us < newest:
                    self._note_set_back(one.equipment_id, since, gaps)

    def _note_set_back(self, machine: str, since: int | None, gaps: GapChanges) -> None:
        now = clock.now_us()
        if since is None:
            since = segments.last_came(self._connection, self._home, machine, self._signals[machine])
        _log.warning("clock of a machine was set back while nobody read it", action="read", equipment=machine)
        if since is not None and since < now:  # this machine's own clock, set back too, cannot tell how long it was
            gaps.set_back.append(Gap(machine, since, now, CLOCK_SET_BACK))

    def _reason(self, machine: str) -> str:
        if machine in self._stood_still:
            return OUTBOX_FULL
        return MISSED_SCAN if machine in self._started else BRIDGE_DOWN

    def _watch(self, machine: str, ts_us: int, gaps: GapChanges) -> None:
        own = self._clocks.get(machine)
        self._gaps.read_at(machine, ts_us, own.longest_step_us if own else 0.0, gaps)
        found: Gap | None = None
        if own is not None:
            found = own.observe(ts_us, self._reason(machine))
            self._started.add(machine)
        elif machine in self._losses and ts_us > self._losses[machine][0]:
            since, reason = self._losses.pop(machine)
            found = Gap(machine, since, ts_us, reason)
        self._stood_still.discard(machine)
        if found is not None:
            self._gaps.add(found, gaps)

    def close(self) -> None:
        """Write what is still noted and let go of the database."""
        try:
            if self._has_notes():
                self._append(_Draft())
        finally:
            self._connection.close()
