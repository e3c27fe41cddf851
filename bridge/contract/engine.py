"""One step of the contract: journaled readings and remembered state in, outgoing rows and books out.

Pure: no clock, no file, no network. The same frames over the same state give the same step, however often it is
repeated. Readings of different series never touch each other, so a step walks series by series.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bridge.contract.columns import Columns, columns_of, unite
from bridge.contract.counts import (
    AGGREGATED,
    CONFLICTING,
    CONTRACTED,
    FORWARDED,
    HOUR_US,
    READ,
    REDELIVERED,
    RULES,
    SUPPRESSED,
    WINDOWS,
    WITHHELD,
    Counts,
    hour_of,
)
from bridge.contract.forward import leaves
from bridge.contract.outgoing import forwarded_rows
from bridge.contract.plan import SeriesPlan, SitePlan
from bridge.contract.rules import check
from bridge.contract.state import SeriesState
from bridge.contract.windows import WindowState, enter, rows_of
from bridge.driver import Series
from bridge.journal import Notes
from core.contracts.data_contract import Window
from core.contracts.reading import Event, Sample, readings_to_arrow

Fates = npt.NDArray[np.int8]
_FATES = (WITHHELD, SUPPRESSED, AGGREGATED, FORWARDED)
States = dict[Series, SeriesState]


@dataclass(slots=True)
class Step:
    """What a step brought forth.

    Attributes:
        rows: outgoing readings, `READING_SCHEMA`: forwarded ones and windows.
        events: raised and cleared faults.
        counts: increments of the books.
        touched: series whose state changed.
    """

    rows: pa.RecordBatch
    events: list[Event] = field(default_factory=list[Event])
    counts: Counts = field(default_factory=Counts)
    touched: set[Series] = field(default_factory=set[Series])


def step(plan: SitePlan, states: States, batches: list[pa.RecordBatch], notes: Iterable[Notes]) -> Step:
    """Put frames through the contract; `states` moves on in place."""
    columns = columns_of(batches)
    counts = Counts()
    made = Step(rows=columns.batch.slice(0, 0), counts=counts)
    plans = [plan.of(*series) for series in columns.series]
    fates = _shared_fates(plans, columns)
    derived: list[Sample] = []
    if any(not one.stateless for one in plans):
        order = np.argsort(columns.code, kind="stable")
        ends = np.cumsum(np.bincount(columns.code, minlength=len(plans)))
        for place, one in enumerate(plans):
            if not one.stateless:
                rows = order[ends[place - 1] if place else 0 : ends[place]]
                state = states.setdefault(columns.series[place], SeriesState())
                fates[rows] = _walk(plan.site, one, state, columns, rows, derived, made)
                made.touched.add(columns.series[place])
    _count_readings(columns, plans, fates, counts)
    _count_notes(plan, notes, counts)
    made.rows = forwarded_rows(columns, fates == FORWARDED)
    if derived:
        made.rows = unite([made.rows, readings_to_arrow(plan.site, derived)])
    return made


def _shared_fates(plans: list[SeriesPlan], columns: Columns) -> Fates:
    """The fate of every reading whose signal treats all alike."""
    table = [WITHHELD if not one.contracted else FORWARDED if one.forward else SUPPRESSED for one in plans]
    return np.array(table, dtype=np.int8)[columns.code] if table else np.empty(0, dtype=np.int8)


def _walk(
    site: str,
    plan: SeriesPlan,
    state: SeriesState,
    columns: Columns,
    rows: npt.NDArray[np.intp],
    derived: list[Sample],
    made: Step,
) -> list[int]:
    """Fates of one series' readings in order; windows and events go to `derived` and `made`."""
    usable = columns.good[rows] & np.isfinite(columns.value[rows])
    fates: list[int] = []
    windows = [
        (window, window.every_us, window.lateness_us, state.windows.setdefault(_name(window), WindowState()))
        for window in plan.windows
    ]
    machine, signal = plan.equipment_id, plan.signal
    for ts, raw, good in zip(columns.ts[rows].tolist(), columns.value[rows].tolist(), usable.tolist(), strict=True):
        entered = False
        for window, every, lateness, open_windows in windows:
            inside, closed = enter(every, lateness, open_windows, ts, raw if good else None)
            entered = entered or inside
            for start, box in closed:
                for sample in rows_of(machine, signal, window, start, box):
                    derived.append(sample)
                    made.counts.add(machine, sample.signal, hour_of(start), ((WINDOWS, 1),), named=True)
        if good:
            for rule in plan.rules:
                event = check(site, machine, rule, state.raised, ts, raw)
                if event is not None:
                    made.events.append(event)
                    made.counts.add(machine, f"rule:{rule.name}", hour_of(ts), ((RULES, 1),), named=True)
        if not plan.contracted:
            fates.append(WITHHELD)
        elif plan.forward and (not good or leaves(plan, state.last, ts, raw)):
            fates.append(FORWARDED)
        else:
            fates.append(AGGREGATED if entered else SUPPRESSED)
    return fates


def _name(window: Window) -> str:
    return f"{window.every}/{window.lateness or '0'}/{','.join(window.aggregates)}"


def _count_readings(columns: Columns, plans: list[SeriesPlan], fates: Fates, counts: Counts) -> None:
    if not len(fates):
        return
    hours, hour_code = np.unique(columns.ts // HOUR_US, return_inverse=True)
    keys, key_code = np.unique(columns.code * len(hours) + hour_code, return_inverse=True)
    read = np.bincount(key_code).tolist()
    by_fate = [
        np.bincount(key_code, weights=fates == fate, minlength=len(keys)).astype(int).tolist() for fate in _FATES
    ]
    starts = (hours * HOUR_US).tolist()
    for place, key in enumerate(keys.tolist()):
        plan = plans[key // len(hours)]
        number = read[place]
        fated = [(fate, column[place]) for fate, column in zip(_FATES, by_fate, strict=True) if column[place]]
        if plan.contracted:
            fated.append((CONTRACTED, number))
        hour = starts[key % len(hours)]
        counts.add(plan.equipment_id, plan.signal, hour, ((READ, number), *fated), named=plan.contracted)


def _count_notes(plan: SitePlan, notes: Iterable[Mapping[tuple[str, str, int], list[int]]], counts: Counts) -> None:
    for one in notes:
        for (equipment, signal, hour), (again, other) in one.items():
            named = plan.of(equipment, signal).contracted
            counts.add(equipment, signal, hour, ((REDELIVERED, again), (CONFLICTING, other)), named=named)
