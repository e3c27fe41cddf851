"""The independent proof: the recording put through the contract once more, beside what the lake holds.

Shares no line with the bridge. It knows the recording, the contract and the rules of docs/contracts.md, and walks
every signal of every machine by itself; what it expects and what was found are compared as multisets of rows.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np

from core.contracts.data_contract import TIME_WEIGHTED_MEAN, DataContract, SignalContract, Window
from core.contracts.site import SiteFile
from examples.plant.recording import Plant, UnitRecording

ReadingRow = tuple[str, str, int, float | None, str | None]
"""(equipment, signal, source time in microseconds, value, text)."""
EventRow = tuple[str, int, str, str]
"""(equipment, source time in microseconds, fault code, state)."""
Row = ReadingRow | EventRow
Cell = float | str | None
Timed = list[tuple[int, Cell]]
Gaps = Collection[tuple[str, int, int]]
"""Times that a bridge recorded as unread: (equipment, from, to), both exclusive, in microseconds."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two multisets of rows apart."""

    lost: Counter[Row]
    """Expected and not found."""
    duplicated: Counter[Row]
    """Found more often than expected, but expected."""
    unexpected: Counter[Row]
    """Found and never expected."""


def expected_rows(
    site: SiteFile, contract: DataContract, recording: Plant, gaps: Gaps = ()
) -> tuple[Counter[ReadingRow], Counter[EventRow]]:
    """What leaves the site when every reading of the recording outside the gaps was read once.

    Args:
        site: the site; its protocol decides how a number travels.
        contract: its contract.
        recording: its recording.
        gaps: times to leave out.
    """
    readings: Counter[ReadingRow] = Counter()
    events: Counter[EventRow] = Counter()
    for one in recording.units:
        inside = [(low, high) for machine, low, high in gaps if machine == one.unit.id]
        for signal in one.unit.signals:
            cells = _without_repeats(_as_carried(site, one, signal.name), inside)
            promise = contract.signals.get((one.unit.type, signal.name))
            if promise is not None:
                readings.update(_leaving(one.unit.id, promise, cells))
            for rule in contract.rules:
                if (rule.equipment_type, rule.signal) == (one.unit.type, signal.name):
                    raised = False
                    for ts, value in _good(cells):
                        if rule.holds(value, raised=raised) != raised:
                            raised = not raised
                            events[one.unit.id, ts, rule.fault_code, "raised" if raised else "cleared"] += 1
    return readings, events


def compare(expected: Counter[Row], found: Counter[Row]) -> Difference:
    """Hold what was found against what was expected."""
    more = found - expected
    return Difference(
        lost=expected - found,
        duplicated=Counter({row: count for row, count in more.items() if row in expected}),
        unexpected=Counter({row: count for row, count in more.items() if row not in expected}),
    )


def _as_carried(site: SiteFile, one: UnitRecording, signal: str) -> Timed:
    """Cells in file order, as the protocol delivers them: a Modbus value is a FLOAT32."""
    column = one.columns[signal]
    numbers = column.numbers
    if site.protocol == "modbus":
        with np.errstate(over="ignore"):
            numbers = numbers.astype(np.float32).astype(np.float64)
    cells: list[Cell] = [value if here else None for value, here in zip(numbers.tolist(), column.present, strict=True)]
    for row, text in column.texts.items():
        cells[row] = text
    return list(zip(one.ts_us.tolist(), cells, strict=True))


def _without_repeats(cells: Timed, gaps: list[tuple[int, int]]) -> Timed:
    """Readings outside the gaps, each identical one once; NaN equals NaN here."""
    once = dict.fromkeys((ts, "nan" if cell != cell else cell, type(cell) is str) for ts, cell in cells)
    if len(once) < len(cells):
        cells = [(ts, float("nan") if cell == "nan" and not is_text else cell) for ts, cell, is_text in once]
    return [pair for pair in cells if not any(low < pair[0] < high for low, high in gaps)] if gaps else cells


def _good(cells: Timed) -> Iterator[tuple[int, float]]:
    return ((ts, cell) for ts, cell in cells if isinstance(cell, float) and isfinite(cell))


def _leaving(machine: str, promise: SignalContract, cells: Timed) -> Iterator[ReadingRow]:
    if promise.forward:
        yield from (_row(machine, promise.signal, ts, cell) for ts, cell in _forwarded(promise, cells))
    for window in promise.windows:
        yield from _windows(machine, promise.signal, window, cells)


def _row(machine: str, signal: str, ts: int, cell: Cell) -> ReadingRow:
    if isinstance(cell, str):
        return machine, signal, ts, None, cell
    if cell is None or isfinite(cell):
        return machine, signal, ts, cell, None
    return machine, signal, ts, None, "nan" if cell != cell else "inf" if cell > 0 else "-inf"


def _forwarded(promise: SignalContract, cells: Timed) -> Timed:
    """Everything that is no good number leaves; a good one unless sampling or deadband keeps it."""
    if promise.deadband is None and promise.sampling_us is None:
        return cells
    kept: Timed = []
    last: tuple[int, float] | None = None
    for ts, cell in cells:
        if isinstance(cell, float) and isfinite(cell):
            if last is not None:
                too_soon = promise.sampling_us is not None and ts - last[0] < promise.sampling_us
                too_near = promise.deadband is not None and promise.deadband.hides(last[1], cell)
                if too_soon or too_near:
                    continue
            last = (ts, cell)
        kept.append((ts, cell))
    return kept


def _windows(machine: str, signal: str, window: Window, cells: Timed) -> Iterator[ReadingRow]:
    """Closed windows: what entered before the newest reading passed end plus lateness; the last ones never close."""
    every, wait = window.every_us, window.every_us + window.lateness_us
    newest: int | None = None
    entered: dict[int, Timed] = defaultdict(list)
    holding: dict[int, Cell] = {}
    for ts, cell in cells:
        newest = ts if newest is None else max(newest, ts)
        if ts // every * every + wait > newest:
            entered[ts // every * every].append((ts, cell))
        if ts >= newest - window.lateness_us:
            holding[ts] = cell
    line = sorted(holding.items())
    for start, inside in entered.items():
        if newest is not None and start + wait <= newest:
            good = list(_good(inside))
            for aggregate in window.aggregates:
                timed = aggregate == TIME_WEIGHTED_MEAN
                value = _held(line, start, start + every) if timed else _aggregate(aggregate, good)
                yield machine, window.signal_of(signal, aggregate), start, value, None


def _held(line: Timed, start: int, end: int) -> float | None:
    """Mean of what each reading holds until the next one, of which one that is not good holds nothing."""
    area, held = 0.0, 0
    first = max(bisect_right(line, start, key=lambda one: one[0]) - 1, 0)
    for (ts, cell), (until, _) in pairwise([*line[first : bisect_left(line, (end,))], (end, None)]):
        if isinstance(cell, float) and isfinite(cell):
            area += cell * (until - max(ts, start))
            held += until - max(ts, start)
    return area / held if held else None


def _aggregate(aggregate: str, good: list[tuple[int, float]]) -> float | None:
    values = [value for _, value in good]
    if aggregate == "count":
        return float(len(values))
    if not values:
        return None
    if aggregate == "mean":
        total = 0.0
        for value in values:  # added one by one, as the edge does: `sum` may compensate and end one bit off
            total += value
        return total / len(values)
    if aggregate == "last":
        newest = max(ts for ts, _ in good)
        return [value for ts, value in good if ts == newest][-1]
    return min(values) if aggregate == "min" else max(values)
