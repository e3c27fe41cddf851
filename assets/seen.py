"""What is told of a table's rows as they pass: how many on each day, what is null, and what its expectations say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from lake.spec import TableSpec
from quality.expected import expectations
from quality.outcome import Outcome
from quality.pushdown import Tally
from quality.validation import LIBRARY_ROWS, validate


class Seen:
    """Rows of one table, portion by portion; no two portions hold rows with one key.

    Attributes:
        rows: how many there were.
        by_day: rows by day, if the table has days.
    """

    def __init__(self, spec: TableSpec) -> None:
        self.rows = 0
        self.by_day: Counter[date] = Counter()
        self._optional = [column.name for column in spec.columns if column.nullable]
        self._nulls = 0
        self._expected = expectations(spec)
        self._tally = Tally(self._expected)
        self._only: pl.DataFrame | None = None

    def count(self, rows: pl.DataFrame) -> None:
        """Count a portion without testing it."""
        self.rows += rows.height
        if "date" in rows.columns:
            self.by_day.update(dict(rows.group_by("date").len().iter_rows()))
        optional = [name for name in self._optional if name in rows.columns]
        self._nulls += sum(rows[name].null_count() for name in optional)

    def passing(self, portions: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """The same portions, counted and tested as they pass."""
        for rows in portions:
            if not rows.is_empty():
                self._only = rows if self.rows == 0 and rows.height <= LIBRARY_ROWS else None
                self._tally.add(rows)
                self.count(rows)
            yield rows

    def outcomes(self) -> list[Outcome]:
        """What the expectations say of all that passed; the library is asked about a single small portion."""
        return self._tally.outcomes() if self._only is None else validate(self._only, self._expected)

    @property
    def null_rate(self) -> float:
        """Share of nulls among all values that may be null."""
        values = self.rows * len(self._optional)
        return round(self._nulls / values, 6) if values else 0.0
