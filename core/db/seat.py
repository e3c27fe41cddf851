"""A seat that one process has at a time, on whichever machine: an advisory lock on a connection of its own.

A process that dies loses its connection, and with it its seat. For threads: the connection lives in one of its own.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from contextlib import suppress

import asyncpg

from core.db.errors import FOREIGN, translate
from core.db.queries import load_queries

_SQL = load_queries("core.db", "seat.sql")
_PATIENCE_S = 10


class Seat:
    """One seat; nothing is dialled before `take`.

    Args:
        dsn: of the database whose locks all processes see.
        name: of the seat.
    """

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._number = zlib.crc32(name.encode()) & 0x7FFFFFFF
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection | None = None
        threading.Thread(target=self._loop.run_forever, name=f"seat {name}", daemon=True).start()

    def take(self) -> bool:
        """Have the seat, again if its connection was lost; False if somebody else has it.

        Raises:
            TransientError: the server does not answer.
        """
        return asyncio.run_coroutine_threadsafe(self._take(), self._loop).result()

    def leave(self) -> None:
        """Let go of it for good."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _take(self) -> bool:
        if self._connection is not None and not self._connection.is_closed():
            return True
        try:
            connection = await asyncpg.connect(self._dsn, timeout=_PATIENCE_S, command_timeout=_PATIENCE_S)
            self._connection = connection
            if await connection.fetchval(_SQL["take"], self._number):
                return True
        except FOREIGN as error:
            await self._close()
            raise translate(error, where="seat") from error
        await self._close()
        return False

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(*FOREIGN):
                await connection.close(timeout=_PATIENCE_S)
