"""How many bytes of batches may be in memory: one limit over all connections, served in the order they ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque


class ByteBudget:
    """Bytes lent to those who hold batches; belongs to one event loop.

    Args:
        limit: bytes. A batch that is larger than all of it is let in while nobody else holds any.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.held = 0
        """Bytes lent now."""

    async def take(self, size: int) -> None:
        """Borrow bytes; wait until they are there, behind all who asked before."""
        if not self._waiting and self._fits(size):
            self.held += size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size)  # lent in the moment in which nobody wanted it any more
            else:
                with contextlib.suppress(ValueError):  # passed over already
                    self._waiting.remove((size, turn))
                self._serve()
            raise

    def give_back(self, size: int) -> None:
        """Return bytes."""
        self.held -= size
        self._serve()

    def _fits(self, size: int) -> bool:
        return not self.held or self.held + size <= self._limit

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            if not turn.done():
                self.held += size
                turn.set_result(None)
