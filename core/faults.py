"""Named points at which chaos rounds make a process die or a disk fill; nothing happens unless a folder is armed.

A file in that folder arms a point of the same name: a point that kills takes its file away and then dies as kill -9
would end it, a point that fails does so for as long as its file lies there.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_folder: Path | None = None


def arm(folder: Path | None) -> None:
    """Look for armed points in a folder from now on, or never again."""
    global _folder
    _folder = folder


def die_here(point: str) -> None:
    """End this process at once if the point is armed; the first process that comes by takes the charge."""
    if _folder is None:
        return
    try:
        (_folder / point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def fails_here(point: str) -> bool:
    """True while the point is armed."""
    return _folder is not None and (_folder / point).exists()


def number(point: str) -> float:
    """The number that stands in the point's file, 0 if it is not armed."""
    if _folder is None:
        return 0.0
    try:
        return float((_folder / point).read_text() or 0)
    except FileNotFoundError:
        return 0.0
