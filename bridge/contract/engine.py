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

from bridge.block import Ints
from bridge.contract.columns import Columns, columns_of, unite
from bridge.contract.counts import (
    AGGREGATED,
    CONFLICTING,
    CONTRACTED,
    FORWARDED,
    HOUR_US,
    LOCAL_COLUMNS,
    READ,
    REDELIVERED,
    RULES,
    SUPPRESSED,
    WINDOWS,
    WITHHELD,
    Counts,
    Tallied,
)
from bridge.contract.forward import leaves
from bridge.contract.outgoing import forwarded_rows
from bridge.contract.plan import Laid, SeriesPlan, SitePlan
from bridge.contract.rules import check
from bridge.contract.state import SeriesState
from bridge.contract.windows import WindowState, enter, rows_of
from bridge.driver import Series
from bridge.journal import Notes
from core.contracts.data_contract import TIME_WEIGHTED_MEAN, Window
from core.contracts.reading import COUNT_COLUMNS, Event, Sample, readings_to_arrow

Fates = npt.NDArray[np.int8]
_FATES = (WITHHELD, SUPPRESSED, AGGREGATED, FORWARDED)
_PLACE_OF_FATE = np.zeros(max(_FATES) + 1, dtype=np.int64)
_PLACE_OF_FATE[list(_FATES)] = range(len(_FATES))
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
    laid = plan.lay(columns.series)
    plans = laid.plans
    fates = _shared_fates(plans, columns)
    derived: list[Sample] = []
    if not laid.stateless:
        order = np.argsort(columns.code, kind="stable")
        ends = np.cumsum(np.bincount(columns.code, minlength=len(plans)))
        for place, one in enumerate(plans):
            if not one.stateless:
                rows = order[ends[place - 1] if place else 0 : ends[place]]
                state = states.setdefault(columns.series[place], SeriesState())
                fates[rows] = _walk(plan.site, one, state, columns, rows, derived, made)
                made.touched.add(columns.series[place])
    _count_readings(columns, laid, fates, counts)
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


def _count_readings(columns: Columns, laid: Laid, fates: Fates, counts: Counts) -> None:
    if not len(fates):
        return
    hours = np.unique(columns.ts // HOUR_US)
    hour = np.searchsorted(hours, columns.ts // HOUR_US)
    cells, cell = _occurring(columns.code, len(columns.series), hour, len(hours))
    owner = cells // len(hours)
    number = np.bincount(cell * len(_FATES) + _PLACE_OF_FATE[fates], minlength=len(cells) * len(_FATES))
    lines = _lines(number.reshape(len(cells), len(_FATES)), laid.contracted[owner])
    keys, key = _occurring(laid.place[owner], len(laid.upstream.series), cells % len(hours), len(hours))
    counts.take(
        Tallied(
            near=columns.series,
            totals=_summed(lines, owner, len(columns.series)),
            names=laid.upstream,
            far=(keys // len(hours)).astype(np.int32),
            hours=hours[keys % len(hours)] * HOUR_US,
            lines=_summed(lines, key, len(keys))[:, : len(COUNT_COLUMNS)],
        )
    )


def _occurring(code: Ints, codes: int, hour: Ints, hours: int) -> tuple[Ints, Ints]:
    """Pairs of code and hour that occur, as `code * hours + hour`, and for each row the place of its own."""
    if hours == 1:  # every code occurs
        return np.arange(codes), code
    return np.unique(code * hours + hour, return_inverse=True)


def _lines(number: Ints, contracted: Ints) -> Ints:
    """Lines of the books from how often each fate befell a name's readings."""
    lines = np.zeros((len(number), len(LOCAL_COLUMNS)), dtype=np.int64)
    lines[:, READ] = number.sum(axis=1)
    lines[:, CONTRACTED] = lines[:, READ] * contracted
    lines[:, _FATES] = number
    return lines


def _summed(lines: Ints, place: Ints, places: int) -> Ints:
    """Lines added up by their place."""
    if len(lines) == places:  # one each: they only have to be put in order
        found = np.empty_like(lines)
        found[place] = lines
        return found
    found = np.zeros((places, lines.shape[1]), dtype=np.int64)
    np.add.at(found, place, lines)
    return found


def _count_notes(plan: SitePlan, notes: Iterable[Mapping[tuple[str, str, int], list[int]]], counts: Counts) -> None:
    for one in notes:
        for (equipment, signal, hour), (again, other) in one.items():
            names = (plan.of(equipment, signal).upstream, (equipment, signal))
            if again:
                counts.add(names, hour, REDELIVERED, again)
            if other:
                counts.add(names, hour, CONFLICTING, other)
