"""Data values to samples: pure, and one bad value never costs a good one beside it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from asyncua import ua

from bridge.driver import Series
from core.contracts.quality import GOOD
from core.contracts.reading import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# OPC UA Part 4, section 7.39.1: InfoType DataValue with the bit Overflow.
_DATA_VALUE, _OVERFLOW, _OTHER_INFO = 0x400, 0x80, 0x37F


def overflowed(quality: int) -> bool:
    """True if the server says that values before this one were lost in its queue."""
    return quality & (_DATA_VALUE | _OVERFLOW) == _DATA_VALUE | _OVERFLOW


def without_overflow(quality: int) -> int:
    """The code as history would have it."""
    kept = quality & ~_OVERFLOW
    return kept if kept & _OTHER_INFO else kept & ~_DATA_VALUE


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch; a moment without zone is UTC, as on the wire."""
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def sample_of(series: Series, data: ua.DataValue) -> Sample:
    """One sample; source time, else the server's, else now."""
    moment: datetime | None = data.SourceTimestamp or data.ServerTimestamp
    ts_us = to_us(moment) if moment is not None else time.time_ns() // 1000
    status = data.StatusCode
    value, text = value_of(data.Value.Value if data.Value is not None else None)
    return Sample(series[0], series[1], ts_us, value, text, GOOD if status is None else int(status.value))


def value_of(raw: Any) -> tuple[float | None, str | None]:
    """Number or words; what is neither is written out."""
    if raw is None:
        return None, None
    if isinstance(raw, (bool, int, float)):
        return float(raw), None
    return None, raw if isinstance(raw, str) else str(raw)
