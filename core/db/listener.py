"""LISTEN on a connection of its own, taken up again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from core.db.errors import FOREIGN, translate
from core.log import get_logger

_log = get_logger("db")
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Listener:
    """One subscription; made by `Database.listen`."""

    def __init__(self, dsn: str, channel: str, callback: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._channel = channel
        self._callback = callback
        self._lost = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, dsn: str, channel: str, callback: Callable[[str], None]) -> Listener:
        """Listening has begun when this returns."""
        listener = cls(dsn, channel, callback)
        try:
            await listener._connect()
        except FOREIGN as error:
            raise translate(error, where=channel) from error
        listener._task = asyncio.create_task(listener._keep(), name=f"listen {channel}")
        return listener

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._connection is not None and not self._connection.is_closed():
            with suppress(*FOREIGN):
                await self._connection.close()

    async def _connect(self) -> None:
        # Before anything can set it: a connection lost while it is made must be noticed too.
        self._lost.clear()
        connection = await asyncpg.connect(self._dsn)
        connection.add_termination_listener(lambda _: self._lost.set())
        await connection.add_listener(self._channel, self._on_notify)
        self._connection = connection

    def _on_notify(self, *received: Any) -> None:
        self._callback(received[-1])

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            _log.warning("listening was interrupted", action="listen", channel=self._channel)
            await self._reconnect()
            _log.info("listening again", action="listen", channel=self._channel)
            self._callback("")

    async def _reconnect(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
            attempt += 1
            with suppress(*FOREIGN):
                return await self._connect()
