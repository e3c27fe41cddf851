"""What a cell of a recording means: a number, a text or a hole, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from core.contracts.reading import to_us
from core.contracts.recording import TimestampColumn
from core.errors import InputError
from examples.plant.table import Cell, RawTable

_EPOCH_UNITS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


@dataclass(frozen=True, slots=True)
class Column:
    """One signal of one machine.

    A cell is a number where `present` holds and `texts` has no entry, a text where it has one, else a hole. Numbers
    may be NaN or infinite: the file said so.
    """

    numbers: npt.NDArray[np.float64]
    present: npt.NDArray[np.bool_]
    texts: dict[int, str]

    def at(self, row: int) -> float | str | None:
        """The cell of a row; None is a hole."""
        if not self.present[row]:
            return None
        return self.texts.get(row) if row in self.texts else float(self.numbers[row])

    def take(self, rows: npt.NDArray[np.intp]) -> Column:
        """The same column with these rows."""
        texts = (
            {new: self.texts[int(old)] for new, old in enumerate(rows) if int(old) in self.texts} if self.texts else {}
        )
        return Column(self.numbers[rows], self.present[rows], texts)


def parse_cells(cells: Sequence[Cell]) -> Column:
    """Numbers where cells are numbers, `nan` and `inf` included; empty cells are holes; the rest is text."""
    numbers = np.full(len(cells), np.nan)
    present = np.ones(len(cells), dtype=np.bool_)
    texts: dict[int, str] = {}
    for row, cell in enumerate(cells):
        try:
            if cell is None or cell == "":
                present[row] = False
            elif isinstance(cell, str) and "_" in cell:  # Python reads 1_000 as a number, no recorder writes one so
                texts[row] = cell
            else:
                numbers[row] = float(cell)
        except (ValueError, OverflowError):
            text = str(cell)
            if text.strip():
                texts[row] = text
            else:
                present[row] = False
    return Column(numbers, present, texts)


class SkippedTimeError(ValueError):
    """A local time that no clock of its zone showed."""


class Stamps(NamedTuple):
    """Microseconds since the epoch, UTC, of every row; of a local time that the clocks showed twice, both."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]

    def of(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Times of one machine's rows: of two, the one that goes on from the rows before as they went."""
        times, others = self.first[rows], self.second[rows]
        for row in np.flatnonzero(times != others):
            if row:
                step = times[row - 1] - times[row - 2] if row > 1 else 0
                expected = times[row - 1] + step
                if abs(others[row] - expected) < abs(times[row] - expected):
                    times[row] = others[row]
        return times


def parse_times(table: RawTable, rule: TimestampColumn, zone: str) -> Stamps:
    """When every row was.

    Args:
        table: the recording.
        rule: column and format: `strptime` codes, `iso`, `epoch_s`, `epoch_ms` or `epoch_us`.
        zone: time zone of timestamps that name none.

    Raises:
        InputError: the column is missing, a cell does not fit the format, or the clocks of the zone skipped that time.
    """
    found = Stamps(np.empty(len(table), dtype=np.int64), np.empty(len(table), dtype=np.int64))
    for row, cell in enumerate(table.column(rule.column, "timestamp.column")):
        try:
            found.first[row], found.second[row] = _instants(cell, rule.format, zone)
        except SkippedTimeError as error:
            raise InputError(
                f"the clocks skipped this time (column {rule.column!r})",
                expected=f"times as clocks in {zone} show them",
                received=cell,
                where=table.place(row),
                next_step="name the zone that the source counts in as `timezone`; UTC if its clock is never changed",
            ) from error
        except (ValueError, OverflowError) as error:
            raise InputError(
                f"timestamp cannot be read (column {rule.column!r})",
                expected=f"the format {rule.format}",
                received=cell,
                where=table.place(row),
                next_step="correct the row, or `timestamp.format` in the site file",
            ) from error
    return found


def _instants(cell: Cell, form: str, zone: str) -> tuple[int, int]:
    text = str(cell).strip()
    if form in _EPOCH_UNITS:
        scale = _EPOCH_UNITS[form]
        at = int(text) * scale if text.lstrip("-").isdigit() else round(float(text) * scale)
        return at, at
    moment = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
    at = aware(moment, zone)
    if moment.tzinfo or zone == "UTC":
        return to_us(at), to_us(at)
    if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) != moment:
        raise SkippedTimeError(cell)
    return to_us(at), to_us(aware(moment.replace(fold=1), zone))


def aware(moment: datetime, zone: str) -> datetime:
    """The moment in UTC; a naive one is read in `zone`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
