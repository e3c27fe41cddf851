"""One step of the contract: journaled readings and remembered state in, outgoing rows and books out.

Pure: no clock, no file, no network. The same frames over the same state give the same step, however often it is
repeated. Readings of different series never touch each other, so a step walks series by series.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bridge.contract.columns import Columns, columns_of, unite
from bridge.contract.counts import (
    AGGREGATED,
    CONFLICTING,
    FORWARDED,
    HOUR_US,
    REDELIVERED,
    RULES,
    SUPPRESSED,
    WINDOWS,
    WITHHELD,
    Counts,
    tally,
    upstream_name,
)
from bridge.contract.forward import leaves
from bridge.contract.outgoing import forwarded_rows
from bridge.contract.plan import SeriesPlan, SitePlan
from bridge.contract.rules import check
from bridge.contract.state import SeriesState
from bridge.contract.windows import WindowState, enter, rows_of
from bridge.driver import Series
from bridge.journal import Notes
from core.contracts.data_contract import TIME_WEIGHTED_MEAN, Window
from core.contracts.reading import Event, Sample, readings_to_arrow

Fates = npt.NDArray[np.int8]
_FATES = (WITHHELD, SUPPRESSED, AGGREGATED, FORWARDED)
_PLACE_OF_FATE = np.zeros(max(_FATES) + 1, dtype=np.int64)
_PLACE_OF_FATE[list(_FATES)] = range(len(_FATES))
_TALLIES = np.array([[tally(contracted, fate) for fate in _FATES] for contracted in (False, True)], dtype=np.int64)
"""What one reading adds to the books, by whether its signal is contracted and by its fate's place."""
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
        (
            window,
            partial(
                enter,
                window.every_us,
                window.lateness_us,
                state.windows.setdefault(window_name(window), WindowState()),
                timed=TIME_WEIGHTED_MEAN in window.aggregates,
            ),
        )
        for window in plan.windows
    ]
    machine, signal = plan.equipment_id, plan.signal
    for ts, raw, good in zip(columns.ts[rows].tolist(), columns.value[rows].tolist(), usable.tolist(), strict=True):
        entered = False
        for window, let_in in windows:
            inside, closed = let_in(ts, raw if good else None)
            entered = entered or inside
            for start, box in closed:
                for sample in rows_of(machine, signal, window, start, box):
                    derived.append(sample)
                    name = (machine, sample.signal)
                    made.counts.add((name, name), start, WINDOWS)
        if good:
            for rule in plan.rules:
                event = check(site, machine, rule, state.raised, ts, raw)
                if event is not None:
                    made.events.append(event)
                    name = (machine, f"rule:{rule.name}")
                    made.counts.add((name, name), ts, RULES)
        if not plan.contracted:
            fates.append(WITHHELD)
        elif plan.forward and (not good or leaves(plan, state.last, ts, raw)):
            fates.append(FORWARDED)
        else:
            fates.append(AGGREGATED if entered else SUPPRESSED)
    return fates


def window_name(window: Window) -> str:
    """Key of a window in the state of its series."""
    return f"{window.every}/{window.lateness or '0'}/{','.join(window.aggregates)}"


def _count_readings(columns: Columns, plans: list[SeriesPlan], fates: Fates, counts: Counts) -> None:
    if not len(fates):
        return
    contracted = np.fromiter((one.contracted for one in plans), np.intp, len(plans))
    tallies = _TALLIES[contracted].reshape(len(plans) * len(_FATES), -1)
    kind = columns.code * len(_FATES) + _PLACE_OF_FATE[fates]
    number = np.bincount(kind, minlength=len(tallies))
    per_series = (tallies * number[:, None]).reshape(len(plans), len(_FATES), -1).sum(axis=1)
    for plan, line in zip(plans, per_series.tolist(), strict=True):
        counts.add_local((plan.equipment_id, plan.signal), line)
    places: dict[Series, int] = {}
    upstream = [places.setdefault(upstream_name(plan), len(places)) for plan in plans]
    hours, hour = np.unique(columns.ts // HOUR_US, return_inverse=True)
    keys, key = np.unique(np.array(upstream)[columns.code] * len(hours) + hour, return_inverse=True)
    lines = np.zeros((len(keys), tallies.shape[1]), dtype=np.int64)
    for column in np.flatnonzero(tallies.any(axis=0)).tolist():
        weights = tallies[:, column][kind]
        lines[:, column] = np.bincount(key, weights=weights, minlength=len(keys)).astype(np.int64)
    names, starts = list(places), (hours * HOUR_US).tolist()
    for one, line in zip(keys.tolist(), lines.tolist(), strict=True):
        counts.add_upstream((*names[one // len(hours)], starts[one % len(hours)]), line)


def _count_notes(plan: SitePlan, notes: Iterable[Mapping[tuple[str, str, int], list[int]]], counts: Counts) -> None:
    for one in notes:
        for (equipment, signal, hour), (again, other) in one.items():
            names = (upstream_name(plan.of(equipment, signal)), (equipment, signal))
            if again:
                counts.add(names, hour, REDELIVERED, again)
            if other:
                counts.add(names, hour, CONFLICTING, other)
