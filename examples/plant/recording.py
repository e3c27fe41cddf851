"""A site's recording as steps: what every machine measured, row by row, before any protocol touches it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.contracts.equipment import Unit
from core.contracts.reading import to_us
from core.contracts.recording import Recording, TimestampClock, TimestampColumn
from core.contracts.site import SiteFile
from core.errors import InputError
from examples.plant.cells import Column, Stamps, aware, parse_cells, parse_times
from examples.plant.table import RawTable, read_table, recording_files

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class UnitRecording:
    """One machine's rows in file order; duplicate timestamps and clocks that run backwards are kept."""

    unit: Unit
    ts_us: Times
    """Microseconds since the epoch, UTC."""
    columns: dict[str, Column]
    """By signal name; every column has as many rows as `ts_us`."""
    offset: int = 0
    """Step of the first row; not 0 only when machines of different length meet at their end."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.ts_us)


@dataclass(frozen=True, slots=True)
class Plant:
    """All machines of a site with their rows."""

    site: SiteFile
    units: tuple[UnitRecording, ...]

    @property
    def steps(self) -> int:
        """Number of steps until the last machine is done."""
        return max(one.offset + one.rows for one in self.units)

    @property
    def readings(self) -> int:
        """Number of samples in the recording, holes included."""
        return sum(one.rows * len(one.columns) for one in self.units)

    def readings_by_step(self) -> npt.NDArray[np.int64]:
        """Samples of each step."""
        counts = np.zeros(self.steps, dtype=np.int64)
        for one in self.units:
            counts[one.offset : one.offset + one.rows] += len(one.columns)
        return counts

    def at(self, step: int) -> Iterator[tuple[int, int]]:
        """`(index of the machine, row)` of every machine that has a row in a step."""
        for index, one in enumerate(self.units):
            row = step - one.offset
            if 0 <= row < one.rows:
                yield index, row

    def elapsed_s(self) -> npt.NDArray[np.float64]:
        """Recorded seconds from the first step to each step; never falls, whatever the recorded clocks do."""
        newest = np.full(self.steps, np.iinfo(np.int64).min, dtype=np.int64)
        for one in self.units:
            part = slice(one.offset, one.offset + one.rows)
            newest[part] = np.maximum(newest[part], one.ts_us)
        newest = np.maximum.accumulate(newest)
        return (newest - newest[0]) / 1e6


def read_recording(site: SiteFile, folder: Path) -> Plant:
    """Read the rows a replay serves.

    Args:
        site: the site; it has a `recording`.
        folder: folder of the site file, which the recording's path is relative to.

    Raises:
        InputError: no recording, an unreadable file, a missing column, a bad timestamp, a machine without rows.
    """
    site = site.measured()
    recording = _recording(site)
    table = read_table(recording_files(folder, recording.path), recording)
    units = site.units()
    _needs_unit_column(site, recording)
    shares = [(unit, _rows_of(unit, table, recording)) for unit in units]
    return Plant(site, tuple(_unit_recordings(shares, table, recording, site)))


def read_history(site: SiteFile, folder: Path) -> list[UnitRecording]:
    """Read run-to-failure history: other machines of the same type, `history-<number>`.

    Returns:
        An empty list if the site names no history file.

    Raises:
        InputError: as `read_recording`.
    """
    site = site.measured()
    recording = _recording(site)
    if recording.history is None:
        return []
    table = read_table(recording_files(folder, recording.history), recording)
    pattern = next((unit for unit in site.units() if unit.number is not None), site.units()[0])
    if recording.unit_column is None:
        shares = [(pattern.model_copy(update={"id": f"history-{pattern.id}"}), np.arange(len(table)))]
        return _unit_recordings(shares, table, recording, site)
    numbers = _unit_numbers(table, recording)
    width = len(str(max(numbers)))
    cells = np.array(numbers)
    shares = [
        (pattern.model_copy(update={"id": f"history-{n:0{width}d}", "number": n}), np.flatnonzero(cells == n))
        for n in sorted(set(numbers))
    ]
    return _unit_recordings(shares, table, recording, site)


def _recording(site: SiteFile) -> Recording:
    if site.recording is None:
        raise InputError("site has no recording to replay", where=site.site, next_step="add `recording` to the file")
    return site.recording


def _needs_unit_column(site: SiteFile, recording: Recording) -> None:
    ranged = next((entry.id for entry in site.equipment if "[" in entry.id), None)
    if ranged is not None and recording.unit_column is None:
        raise InputError(
            "`recording.unit_column` is missing",
            expected="the column that says which machine a row belongs to",
            where=f"{site.site}, equipment {ranged}",
        )


def _rows_of(unit: Unit, table: RawTable, recording: Recording) -> npt.NDArray[np.intp]:
    if recording.unit_column is None:
        return np.arange(len(table))
    if unit.number is None:
        found = [i for i, cell in enumerate(table.column(recording.unit_column, "unit_column")) if str(cell) == unit.id]
        rows = np.array(found, dtype=np.intp)
    else:
        rows = np.flatnonzero(np.array(_unit_numbers(table, recording)) == unit.number)
    if not len(rows):
        raise InputError("machine has no row in the recording", received=unit.id, where=table.where)
    return rows


def _unit_numbers(table: RawTable, recording: Recording) -> list[int]:
    numbers: list[int] = []
    assert recording.unit_column is not None  # noqa: S101  callers check; narrows the type
    for row, cell in enumerate(table.column(recording.unit_column, "unit_column")):
        try:
            numbers.append(int(float(cell if isinstance(cell, str) else str(cell))))
        except (ValueError, OverflowError) as error:
            raise InputError(
                "machine number is not a number",
                expected="a whole number in the unit column",
                received=cell,
                where=table.place(row),
            ) from error
    return numbers


def _unit_recordings(
    shares: list[tuple[Unit, npt.NDArray[np.intp]]], table: RawTable, recording: Recording, site: SiteFile
) -> list[UnitRecording]:
    if not len(table):
        raise InputError("recording has no rows", where=table.where)
    names = dict.fromkeys(s.name if s.column is None else s.column for unit, _ in shares for s in unit.signals)
    parsed = {name: parse_cells(table.column(name, "signals")) for name in names}
    longest = max(len(rows) for _, rows in shares)
    stamps = _column_times(table, recording.timestamp, site.timezone)
    found: list[UnitRecording] = []
    for unit, rows in shares:
        lead = longest - len(rows) if recording.align == "end" and stamps is None else 0
        times = (
            stamps.of(rows) if stamps is not None else _clock_times(recording.timestamp, len(rows), lead, site.timezone)
        )
        columns = {s.name: parsed[s.column if s.column is not None else s.name].take(rows) for s in unit.signals}
        found.append(UnitRecording(unit, times, columns, lead))
    return found


def _column_times(table: RawTable, rule: TimestampColumn | TimestampClock, zone: str) -> Stamps | None:
    if isinstance(rule, TimestampClock):
        return None
    return parse_times(table, rule, zone)


def _clock_times(rule: TimestampColumn | TimestampClock, rows: int, lead: int, zone: str) -> Times:
    assert isinstance(rule, TimestampClock)  # noqa: S101  the other kind was handled; narrows the type
    start = to_us(aware(rule.start, zone))
    step = timedelta(seconds=rule.every_s) // timedelta(microseconds=1)
    return start + step * np.arange(lead, lead + rows, dtype=np.int64)
