"""Readings from bronze to silver, some machines at a time: nothing is judged by what another machine sent."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assets.build import Build
from assets.portions import MACHINE, PORTION_ROWS, of_machines, portions, rows_held
from assets.silver import books
from assets.silver.inspection import Inspection
from assets.silver.judge import (
    Judged,
    beyond_contract,
    beyond_physics,
    doubt,
    judge_readings,
    mark_late,
    quarantined_readings,
)
from lake.spec import TableSpec
from lake.tables import bronze, ops, silver
from quality.expected import BEYOND_CONTRACT, BEYOND_PHYSICS
from quality.outcome import Outcome
from quality.reference import REFERENCE_SPAN_DAYS, SIGNAL, first_days, measured, references

_REFERRED = [*SIGNAL, "equipment_type", "ts", "value", "quality", "unit", "role", "date"]
_ON_TIME = [*SIGNAL, "ts", "received_at", "late", "date"]


class Standing:
    """Silver as it stood before a build: what a late row is held against."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._versions = {spec: build.lake.version(spec) for spec in (silver.READINGS, silver.QUARANTINE)}
        held = {day for spec, version in self._versions.items() for day in self._days(spec, version)}
        self._days_held = held & set(build.days)
        self._built = self._days_held | build.built_before(silver.READINGS, set(build.days) - held)

    def _days(self, spec: TableSpec, version: int | None) -> Sequence[Any]:
        return () if version is None else self._build.lake.days(spec, version)

    def with_lateness(self, *parts: pl.DataFrame) -> list[pl.DataFrame]:
        """Rows of the same machines with `late`."""
        machines = pl.concat([rows.select(MACHINE).unique() for rows in parts]).unique()
        before = self._before(machines)
        return [mark_late(rows, before, self._built) for rows in parts]

    def _before(self, machines: pl.DataFrame) -> pl.DataFrame:
        if not self._days_held or machines.is_empty():
            return pl.DataFrame(silver.READINGS.schema.empty_table()).select(_ON_TIME)
        return pl.concat(
            [
                of_machines(self._build.scan(spec, version=version), machines).select(_ON_TIME).collect()
                for spec, version in self._versions.items()
                if version is not None
            ]
        )


class Refining:
    """One pass over bronze readings of a window.

    Args:
        build: of the window.
        version: of `bronze.readings`.
        standing: silver before the build.

    Attributes:
        rows: rows of bronze that were read.
        superseded: those that a later one replaced.
        references: all rows of `ops.signal_reference` so far, with those that the window completes.
    """

    def __init__(self, build: Build, version: int | None, standing: Standing) -> None:
        self.rows = 0
        self.superseded = 0
        self._build = build
        self._version = version
        self._standing = standing
        # Of a signal that once measured something else and was new again, the newest counts.
        self.references = (
            build.over(ops.SIGNAL_REFERENCE).collect().sort("date").unique(SIGNAL, keep="last", maintain_order=True)
        )
        self._inspection = Inspection(build.catalogue)
        self._counts: dict[str, list[pl.DataFrame]] = defaultdict(list)
        self._folder = tempfile.TemporaryDirectory(prefix="goldlayer-rejected-")
        self._rejected: list[tuple[Path, int]] = []

    def kept(self) -> Iterator[pl.DataFrame]:
        """Rows of `silver.readings`, with how far they lie beyond their limits, sorted by its key."""
        window = self._build.window
        held = rows_held(self._build.lake, bronze.READINGS, window.first, window.last, self._version)
        rows = self._build.scan(bronze.READINGS, version=self._version)
        if self._build.taken.is_empty():
            rows = rows.drop("contract_version")
        for raw in portions(rows, held, at_most=PORTION_ROWS):
            yield self._refined(raw)

    def _refined(self, raw: pl.DataFrame) -> pl.DataFrame:
        judged = judge_readings(raw, self._build.catalogue, self._build.taken)
        reference, first = self._referred(judged)
        readings, doubted = doubt(judged, reference, first)
        self._inspection.add(raw, readings, doubted, reference)
        self.rows += raw.height
        self.superseded += readings.superseded.height
        kept, rejected = self._standing.with_lateness(readings.kept, quarantined_readings(readings))
        twice = books.doubled_readings(readings.kept, readings.superseded, readings.rejected)
        self._count(bronze=raw, superseded=readings.superseded, doubled=twice)
        self._reject(rejected)
        return kept.with_columns(**{BEYOND_CONTRACT: beyond_contract(), BEYOND_PHYSICS: beyond_physics()})

    def _count(self, **parts: pl.DataFrame) -> None:
        for name, rows in parts.items():
            self._counts[name].append(books.reading_counts(rows, name))

    def _reject(self, rows: pl.DataFrame) -> None:
        if not rows.is_empty():
            path = Path(self._folder.name, f"{len(self._rejected)}.ipc")
            rows.write_ipc(path, compression="lz4")
            self._rejected.append((path, rows.height))

    def rejected(self) -> Iterator[pl.DataFrame]:
        """Rows of `silver.quarantine`, as many at a time as fit."""
        gathered: list[Path] = []
        count = 0
        for path, rows in self._rejected:
            if gathered and count + rows > PORTION_ROWS:
                yield pl.scan_ipc(gathered).collect()
                gathered, count = [], 0
            gathered.append(path)
            count += rows
        if gathered:
            yield pl.scan_ipc(gathered).collect()

    @property
    def counts(self) -> Mapping[str, list[pl.DataFrame]]:
        """Of the books, what was counted as it passed: `bronze`, `superseded`, `doubled`."""
        return self._counts

    def outcomes(self) -> list[Outcome]:
        """Of every check that is no expectation on a column."""
        return self._inspection.outcomes()

    def close(self) -> None:
        """Give the disk back."""
        self._folder.cleanup()

    def _referred(self, judged: Judged) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Frozen references with those that this window completes, and the first days of signals it finds without one.

        A reference grows of what is believed beside the first day alone: what was wrong in its days never gets into it.
        """
        frozen = self.references.join(judged.kept.select(MACHINE).unique(), on=MACHINE, how="semi")
        settled = frozen.filter(pl.col("date") < self._build.window.first)
        growing = measured(judged.kept.select(_REFERRED)).join(settled, on=SIGNAL, how="anti")
        if growing.is_empty():
            return frozen, first_days(growing)
        past = self._before(growing.select(SIGNAL).unique())
        first = first_days(pl.concat([past, growing]))
        believed, _ = doubt(judged, frozen, first)
        news = pl.concat([past, measured(believed.kept.select(_REFERRED))]).join(frozen, on=SIGNAL, how="anti")
        new = references(news, self._build.days).select(frozen.columns).cast(frozen.schema)
        self.references = pl.concat([self.references, new])
        return pl.concat([frozen, new]), first

    def _before(self, signals: pl.DataFrame) -> pl.DataFrame:
        """What silver holds of some signals before the window, as far back as a reference may be growing."""
        past = self._build.scan(silver.READINGS, REFERENCE_SPAN_DAYS).filter(pl.col("date") < self._build.window.first)
        return (
            of_machines(past, signals.select(MACHINE).unique())
            .join(signals.lazy(), on=SIGNAL, how="semi")
            .select(_REFERRED)
            .collect()
        )
