"""Who is who among processes: a pid alone may belong to a stranger by now, a pid with its start time may not."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

# The start time is computed from the boot time, which moves a little when the clock is set.
_SAME_START_S = 2.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process of this machine.

    Attributes:
        pid: its number.
        started: its start, seconds since the epoch.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int | None = None) -> ProcessMark | None:
        """The mark of a living process, by default of this one; None when there is none of that number."""
        pid = os.getpid() if pid is None else pid
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
