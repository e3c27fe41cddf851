"""Progress on standard error, one line a step, with the seconds each took; standard output is for the summary alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


class Progress:
    """Says what is happening, one line a step, and remembers how long it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    @contextmanager
    def step(self, name: str, sentence: str) -> Generator[None]:
        """Announce a step and time it under `name`; steps of one name add up."""
        self.say(sentence)
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 2)

    def say(self, sentence: str) -> None:
        """One line, with the seconds since the start."""
        print(f"[{time.monotonic() - self._started:6.1f} s] {sentence}", file=sys.stderr, flush=True)

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._started, 2)
