"""Which single rows may not enter bronze, and why. Pure functions on columns.

Rules of detail: *Samples* for null and time, *The books* for NaN and infinities.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.contracts.reading import to_us

Ints = npt.NDArray[np.int64]
_SEVERITY = 0xC0000000
_BAD = 0x80000000
_NOT_NUMBERS = pa.array(["nan", "inf", "-inf"])


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Source times that are believable.

    Attributes:
        first_us: the earliest, microseconds since the epoch.
        ahead_us: how far ahead of the gateway's clock one may be.
    """

    first_us: int
    ahead_us: int

    @classmethod
    def of(cls, first_day: date, max_ahead_s: float) -> TimeLimits:
        """Limits from the settings `lake.first_day` and `sink.max_ahead_s`."""
        start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
        return cls(to_us(start), int(max_ahead_s * 1_000_000))


class Reasons:
    """Collects a reason for each row that has one; the first given stays."""

    def __init__(self, rows: int) -> None:
        self._words: list[str] = []
        self._of_row = np.full(rows, -1, dtype=np.int32)

    def add(self, word: str, where: npt.NDArray[np.bool_]) -> None:
        """Rows that get this reason, unless they have one."""
        fresh = where & (self._of_row < 0)
        if fresh.any():
            self._of_row[fresh] = len(self._words)
            self._words.append(word)

    @property
    def rejected(self) -> npt.NDArray[np.bool_]:
        """True for every row with a reason."""
        return self._of_row >= 0

    def of_rejected(self) -> list[str]:
        """Reasons of the rejected rows, in row order."""
        return [self._words[index] for index in self._of_row[self.rejected]]


def check_times(ts_us: Ints, received_us: Ints, limits: TimeLimits, reasons: Reasons) -> None:
    """Source times outside the limits."""
    reasons.add("source time is before the lake's first day", ts_us < limits.first_us)
    reasons.add("source time is ahead of the receive clock", ts_us > received_us + limits.ahead_us)


def check_readings(rows: pa.Table, reasons: Reasons) -> None:
    """Values that are none: NaN and infinities, and good quality without anything.

    Args:
        rows: has `value`, `text` and `quality`.
        reasons: gets what is found.
    """
    value = rows.column("value").to_numpy()
    absent = rows.column("value").is_null().to_numpy()
    reasons.add("value is not a number", ~absent & ~np.isfinite(value))
    if not absent.any():
        return
    quality = rows.column("quality").to_numpy()
    text = rows.column("text")
    literal = pc.call_function("is_in", [text], pc.SetLookupOptions(value_set=_NOT_NUMBERS)).to_numpy()
    reasons.add("value is not a number", absent & literal & (quality & _BAD != 0))
    empty = absent & text.is_null().to_numpy()
    reasons.add("good quality without a value", empty & (quality & _SEVERITY == 0))
