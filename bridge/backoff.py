"""Pauses between attempts: doubling up to a limit, with jitter so that a fleet does not come back in step."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from core.errors import TerminalError
from core.log import get_logger

_log = get_logger("bridge")


class Backoff:
    """A growing pause."""

    def __init__(self, longest_s: float, first_s: float = 0.1) -> None:
        self._longest_s, self._first_s = longest_s, first_s
        self._next_s = first_s

    def reset(self) -> None:
        """The last attempt worked."""
        self._next_s = self._first_s

    def pause_s(self) -> float:
        """The next pause, between half of it and the whole."""
        pause = min(self._next_s, self._longest_s)
        self._next_s = min(self._next_s * 2, self._longest_s)
        return pause * (0.5 + random.random() / 2)  # noqa: S311  jitter, not a secret

    async def wait(self, stop: asyncio.Event) -> None:
        """Pause, but not beyond `stop`."""
        await wait_for(stop, self.pause_s())


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event at most so long; true if it came."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def wait_for_either(stop: asyncio.Event, event: asyncio.Event, seconds: float) -> None:
    """Wait for an event at most so long, and not beyond `stop`."""
    if stop.is_set() or event.is_set():
        return
    waiting = [asyncio.create_task(one.wait()) for one in (stop, event)]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def keep_running(name: str, once: Callable[[], Awaitable[None]], stop: asyncio.Event, longest_s: float) -> None:
    """Run a part until `stop`; a failure is logged and tried again after a growing pause.

    Raises:
        TerminalError: trying again cannot help.
    """
    backoff = Backoff(longest_s)
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        began = loop.time()
        try:
            await once()
            return
        except TerminalError:
            raise
        except Exception as error:
            if loop.time() - began > longest_s:
                backoff.reset()
            _log.error(
                "part of the bridge failed", action="retry", part=name, error=str(error), kind=type(error).__name__
            )
            await backoff.wait(stop)
