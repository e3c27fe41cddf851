"""Time as the bridge sees it: one door, so that a clock that is set can be tried."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from core import faults

CLOCK = "bridge.clock"
"""Fault point that holds the seconds by which this clock is wrong."""
UPTIME = "bridge.uptime"
"""Fault point that holds seconds that have passed besides those that did."""


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000 + int(faults.number(CLOCK) * 1e6)


def uptime_us() -> int:
    """Microseconds since some moment before this process; nobody can set it."""
    return time.monotonic_ns() // 1000 + int(faults.number(UPTIME) * 1e6)


def now() -> datetime:
    """UTC."""
    return datetime.fromtimestamp(now_us() / 1e6, UTC)
