"""The link between one bridge and the gateway: a WebSocket relay that can be cut, and repeats or reorders batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK, WebSocketException

_MAX_BYTES = 64 << 20
_HELD_AT_MOST_S = 2.0


class Link:
    """Relays every message as it came, until it is told to do otherwise."""

    def __init__(self, port: int, gateway_port: int) -> None:
        self.port, self._gateway = port, f"ws://127.0.0.1:{gateway_port}"
        self.is_cut = False
        self.repeats, self.swaps = 0, 0
        self._open: set[ServerConnection] = set()
        self._server: Server | None = None

    async def __aenter__(self) -> Link:
        self._server = await serve(self._relay, "127.0.0.1", self.port, max_size=_MAX_BYTES, compression=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """End what is open, without a farewell, and let nobody in."""
        self.is_cut = True
        for socket in self._open:
            socket.transport.abort()

    def mend(self) -> None:
        """Let bridges in again."""
        self.is_cut = False

    async def _relay(self, site: ServerConnection) -> None:
        if self.is_cut or site.request is None:
            site.transport.abort()
            return
        headers = {"Authorization": site.request.headers.get("Authorization", "")}
        with contextlib.suppress(OSError, TimeoutError, WebSocketException):
            async with connect(
                self._gateway, additional_headers=headers, max_size=_MAX_BYTES, compression=None, proxy=None
            ) as gateway:
                self._open.add(site)
                try:
                    await self._both_ways(site, gateway)
                finally:
                    self._open.discard(site)

    async def _both_ways(self, site: ServerConnection, gateway: ClientConnection) -> None:
        async def up() -> None:
            async for message in self._disturbed(site):
                await gateway.send(message)

        async def down() -> None:
            async for message in gateway:
                await site.send(message)

        ways = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in ways:
                one.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _disturbed(self, site: ServerConnection) -> AsyncIterator[str | bytes]:
        """Messages of the site; a batch comes twice or after its successor where that was asked for."""
        held: bytes | None = None
        with contextlib.suppress(ConnectionClosedOK):
            while True:
                try:
                    message = await asyncio.wait_for(site.recv(), None if held is None else _HELD_AT_MOST_S)
                except TimeoutError:  # it was the last one: no network keeps it for good
                    message = None
                if isinstance(message, bytes) and held is None and self.swaps:
                    self.swaps -= 1
                    held = message
                    continue
                if message is not None:
                    yield message
                if isinstance(message, bytes) and self.repeats:
                    self.repeats -= 1
                    yield message
                if held is not None and not isinstance(message, str):
                    yield held
                    held = None
