"""Ends what a killed supervisor leaves behind; runs as a file, on the standard library alone.

Usage: `python -IS guardian.py`, told on standard input `+ GROUP` and `- GROUP`, one a line.

The kernel ends a dead supervisor's children, but not theirs. Each part runs in a process group of its own; when
standard input closes, which no death of the supervisor can avoid, every group still on the list is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Follow the list until the supervisor is gone, then clear it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        sign, _, group = line.strip().partition(" ")
        (groups.add if sign == "+" else groups.discard)(int(group))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
