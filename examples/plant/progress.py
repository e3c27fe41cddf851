"""How far a replay is, and how fast it may go."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Progress:
    """What a plant has handed to its readers."""

    steps_total: int
    steps_served: int
    readings_total: int
    readings_served: int
    done: bool
    """Every step of the recording was served; the plant stands still on the last one."""


class Replay(Protocol):
    """A plant that serves a recording over one protocol."""

    @property
    def endpoint(self) -> str:
        """Where clients find it."""
        ...

    def progress(self) -> Progress:
        """How far it is."""
        ...

    async def start(self) -> None:
        """Listen; raises `InputError` if the port is taken."""
        ...

    async def stop(self) -> None:
        """Stop listening."""
        ...


def write_progress(path: Path, progress: Progress) -> None:
    """Replace the state file; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    fresh.replace(path)


class Pace:
    """When a step may be shown.

    Args:
        elapsed_s: recorded seconds from the first step to each step.
        speed: recorded seconds in one second of the wall clock; None means as fast as the readers take it.
        clock: seconds, monotonic.
    """

    def __init__(
        self, elapsed_s: npt.NDArray[np.float64], speed: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._elapsed_s = elapsed_s
        self._speed = speed
        self._clock = clock
        self._base = clock()

    def restart(self, step: int) -> None:
        """Count from now on, with this step on show: time spent waiting for readers is not caught up."""
        if self._speed is not None:
            self._base = self._clock() - float(self._elapsed_s[step]) / self._speed

    def wait_s(self, step: int) -> float:
        """Seconds until a step may be shown, 0 if it may now."""
        if self._speed is None:
            return 0.0
        return max(0.0, self._base + float(self._elapsed_s[step]) / self._speed - self._clock())
