"""One step of the rules: journaled readings and what is remembered in, events and scores out. No clock, no file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bridge.contract.columns import Columns
from bridge.rules.condition import Floats, Ints, Memory, changes, crossings, rates, stuck
from bridge.rules.plan import Watch
from core.contracts.quality import CALCULATED
from core.contracts.reading import Sample


@dataclass(frozen=True, slots=True)
class Values:
    """Good, finite values of one series in the order they came, each newer than all before it.

    Attributes:
        row: place among all rows of the step.
        ts: source time in microseconds.
        value: never NaN.
    """

    row: npt.NDArray[np.intp]
    ts: Ints
    value: Floats


class Inputs:
    """Values of one step by series, sorted once for all rules."""

    def __init__(self, columns: Columns) -> None:
        usable = columns.good & np.isfinite(columns.value)
        order = np.argsort(columns.code, kind="stable")
        self._row = order[usable[order]]
        code = columns.code[self._row]
        self._ts, self._value = columns.ts[self._row], columns.value[self._row]
        self._ends = np.cumsum(np.bincount(code, minlength=len(columns.series))).tolist()
        self._place = {series: place for place, series in enumerate(columns.series)}
        backwards = (np.diff(self._ts) <= 0) & (np.diff(code) == 0)
        self._unsorted = set(code[1:][backwards].tolist())

    def of(self, machine: str, signal: str, newest: int | None) -> Values | None:
        """Values newer than `newest`; None if there are none."""
        place = self._place.get((machine, signal))
        if place is None:
            return None
        start, end = self._ends[place - 1] if place else 0, self._ends[place]
        if start == end:
            return None
        found = Values(self._row[start:end], self._ts[start:end], self._value[start:end])
        floor = newest if newest is not None else int(found.ts[0]) - 1
        if place not in self._unsorted and found.ts[0] > floor:
            return found
        kept = found.ts > np.maximum.accumulate(np.concatenate(([floor], found.ts)))[:-1]
        return Values(found.row[kept], found.ts[kept], found.value[kept]) if kept.any() else None


def look(watch: Watch, memory: Memory, inputs: Inputs) -> list[Sample]:
    """Hold one step's readings against one rule of one machine; `memory` moves on in place."""
    picked: dict[str, Values] = {}
    for name in watch.rule.inputs:
        found = inputs.of(watch.machine, name, memory.newest.get(name))
        if found is not None:
            picked[name] = found
            memory.newest[name] = int(found.ts[-1])
    if not picked:
        return []
    if watch.model is not None:
        return _score(watch, memory, picked)
    (only,) = picked.values()
    rule = watch.rule
    if rule.stuck is not None:
        return _events(watch, changes(memory, only.ts, *stuck(rule.stuck, memory, only.ts, only.value), 0))
    if rule.rate is not None:
        return _events(watch, crossings(rule.rate, memory, *rates(rule.rate, memory, only.ts, only.value)))
    return _events(watch, crossings(rule.threshold, memory, only.ts, only.value)) if rule.threshold else []


def _events(watch: Watch, found: Iterable[tuple[int, bool]]) -> list[Sample]:
    return [Sample(watch.machine, watch.rule.event, ts, float(raised), None, CALCULATED) for ts, raised in found]


def _score(watch: Watch, memory: Memory, picked: dict[str, Values]) -> list[Sample]:
    anomaly, model = watch.rule.anomaly, watch.model
    if anomaly is None or model is None:
        return []
    if len(watch.rule.inputs) == 1:
        (only,) = picked.values()
        ts, matrix = only.ts, only.value[:, None]
    else:
        ts, matrix = _complete(watch.rule.inputs, memory, picked)
    if not len(ts):
        return []
    scores = model.score(matrix, memory.model)
    found = _events(watch, crossings(anomaly, memory, ts, scores))
    if anomaly.score is not None:
        pairs = zip(ts.tolist(), scores.tolist(), strict=True)
        found += [Sample(watch.machine, anomaly.score, at, one, None, CALCULATED) for at, one in pairs]
    return found


def _complete(names: tuple[str, ...], memory: Memory, picked: dict[str, Values]) -> tuple[Ints, Floats]:
    """Rows of a model of several signals: one whenever every signal has come anew, at the time that completes it."""
    arrived = sorted(
        (row, name, ts, value)
        for name, one in picked.items()
        for row, ts, value in zip(one.row.tolist(), one.ts.tolist(), one.value.tolist(), strict=True)
    )
    times: list[int] = []
    matrix: list[list[float]] = []
    for _, name, ts, value in arrived:
        memory.held[name] = value
        memory.row_ts = max(ts, memory.row_ts)
        if len(memory.held) == len(names):
            times.append(memory.row_ts)
            matrix.append([memory.held[one] for one in names])
            memory.held = {}
    return np.array(times, dtype=np.int64), np.array(matrix, dtype=np.float64).reshape(len(times), len(names))


def withdrawn(watch_event: str, machine: str, memory: Memory) -> list[Sample]:
    """What a rule that is no more leaves: an event that stood ends with the newest reading it saw."""
    if not memory.standing or not memory.newest:
        return []
    return [Sample(machine, watch_event, max(memory.newest.values()) + 1, 0.0, None, CALCULATED)]
