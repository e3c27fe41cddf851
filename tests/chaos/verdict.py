"""After a round: what bronze holds against the source, against each bridge's journal, and against the books."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from assets.catalogue import rule_names
from assets.partitions import last_day
from assets.silver.books import books, bridge_sums, reading_counts, still_apart
from assets.silver.lost import told_apart
from assets.silver.lost_rows import lost_rows
from bridge.journal import samples_of
from bridge.past import newest_first
from bridge.store import read_only
from cli.demo import figures
from cli.demo.proof import Row, compare, expected_rows
from cli.demo.summary import Readings
from cli.demo.verdict import found_rows, judge
from cli.sites import SiteOnDisk
from core.contracts.lanes import LaneKind
from core.contracts.reading import Sample
from examples.plant.cells import Column
from examples.plant.recording import Plant, UnitRecording
from lake.store import TenantLake
from lake.tables.bronze import BRIDGE_COUNTS, QUARANTINE, READINGS, READMISSIONS
from tests.chaos.world import World


@dataclass(frozen=True)
class Judgement:
    """Rows apart; `wrong` says in words what must not be."""

    lost: int
    duplicated: int
    gap_readings: int
    bronze: int
    wrong: list[str]


def judge_world(world: World) -> Judgement:
    """Everything since the installation began."""
    sites, lakes, books = world.plants.whole, world.lakes, world.books()
    # Over OPC UA the server's history fills every hole: a gap excuses nothing there.
    gaps = [() if one.site.protocol == "opcua" else book.gaps for one, book in zip(sites, books, strict=True)]
    verdict = judge(sites, lakes, gaps)
    wrong = [f"differs from the source: {row}" for row in verdict.examples]
    for one, lake in zip(sites, lakes, strict=True):
        apart = compare(_promised(one, world.home(one.site.site)), found_rows(one.site.site, lake))
        for what in ("lost", "duplicated", "unexpected"):
            rows: Counter[Row] = getattr(apart, what)
            wrong += [f"{one.site.site}: {what} against the journal: {row}" for row in list(rows)[:3]]
    readings = Readings.model_validate(figures.readings(figures.streamed(books, []), lakes, verdict))
    wrong += [f"the books do not balance: {equation}" for equation in readings.unbalanced()]
    return Judgement(verdict.lost, readings.duplicated, verdict.in_gaps, readings.bronze, wrong)


def missing_now(lake: TenantLake) -> tuple[int, int]:
    """Readings that the books would have in flight now, and those they would call lost, in the middle of everything."""
    # In the order in which the asset reads.
    version = lake.version(READINGS)
    rows = lake.scan(READINGS, version=version)
    columns = ["lane", "seq", "row_no", "site", "equipment_id", "signal", "ts", "received_at", "rows"]
    held = lake.scan(QUARANTINE).select(columns).collect()
    apart = still_apart(held, lake.scan(READMISSIONS).collect()).filter(pl.col("kind") == LaneKind.READINGS.value)
    counts = lake.scan(BRIDGE_COUNTS).collect()
    counted = {"bronze": [reading_counts(rows, "bronze")], "quarantined": [reading_counts(apart, "quarantined")]}
    lines = books([bridge_sums(counts, rule_names([]))], counted, last_day())
    told = told_apart(lines, lost_rows(lake, lines, counts, version))
    of_readings = ~pl.col("signal").str.starts_with("rule:")
    return int(told.filter(of_readings)["in_flight"].clip(0).sum()), int(told["lost"].sum())


def _promised(one: SiteOnDisk, home: Path) -> Counter[Row]:
    """The contract over the journal, by the proof's own rules."""
    by_series: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    with closing(read_only(home)) as connection:
        for sample in _journaled(connection, home):
            by_series[sample.equipment_id, sample.signal].append(sample)
    units = {unit.id: unit for unit in one.site.units()}
    recordings: list[UnitRecording] = []
    for (machine, signal), samples in by_series.items():
        unit = units[machine]
        only = unit.model_copy(update={"signals": [s for s in unit.signals if s.name == signal]})
        times = np.array([sample.ts_us for sample in samples], dtype=np.int64)
        recordings.append(UnitRecording(only, times, {signal: _column(samples)}))
    readings, events = expected_rows(one.site, one.contract, Plant(one.site, tuple(recordings)))
    return Counter(readings) + Counter(events)


def _journaled(connection: sqlite3.Connection, home: Path) -> list[Sample]:
    """Oldest first."""
    batches = [list(samples_of(batch)) for batch in newest_first(connection, home)]
    return [sample for batch in reversed(batches) for sample in batch]


def _column(samples: list[Sample]) -> Column:
    """Samples as the cells of a recording: a number that is none is journaled as its literal."""
    numbers, present = np.full(len(samples), np.nan), np.zeros(len(samples), dtype=bool)
    texts: dict[int, str] = {}
    for row, sample in enumerate(samples):
        if sample.value is not None:
            numbers[row], present[row] = sample.value, True
        elif sample.text in ("nan", "inf", "-inf"):
            numbers[row], present[row] = float(sample.text), True
        elif sample.text is not None:
            texts[row], present[row] = sample.text, True
    return Column(numbers, present, texts)
