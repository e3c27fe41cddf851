"""Who is there: each member holds an advisory lock on a connection of its own, and everybody sees the locks.

A process that dies loses its connection, and with it its lock: there is no heartbeat, no
clock, and nothing to clean up.
"""

from __future__ import annotations

from contextlib import suppress

import asyncpg

from core.db.errors import FOREIGN, translate
from core.db.queries import load_queries

_SQL = load_queries("core.db", "presence.sql")
_PATIENCE_S = 10


class Presence:
    """One member of a circle; `circle` is a number below 2^31 that all members know."""

    def __init__(self, dsn: str, circle: int) -> None:
        self._dsn = dsn
        self._circle = circle
        self._connection: asyncpg.Connection | None = None

    async def look(self) -> tuple[int, list[int]]:
        """Take part, again if the connection was lost, and look around.

        Returns:
            The own number, which lasts as long as the connection, and the numbers of all members, this one included.

        Raises:
            TransientError: the server does not answer.
        """
        try:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await asyncpg.connect(self._dsn, timeout=_PATIENCE_S, command_timeout=_PATIENCE_S)
                self._connection = connection
                await connection.execute(_SQL["enter"], self._circle)
            rows = await connection.fetch(_SQL["members"], self._circle)
        except FOREIGN as error:
            await self.close()
            raise translate(error, where="presence") from error
        return rows[0]["me"], list(rows[0]["members"])

    async def close(self) -> None:
        """Leave."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(*FOREIGN):
                await connection.close(timeout=_PATIENCE_S)
