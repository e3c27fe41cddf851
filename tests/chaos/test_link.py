"""The link that disturbs: what it does to batches, it does not do for good."""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from core.run.ports import free_port
from tests.chaos.link import Link


async def test_a_batch_held_for_its_successor_goes_on_when_there_is_none() -> None:
    arrived: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def gateway(socket: ServerConnection) -> None:
        async for message in socket:
            await arrived.put(message)

    behind, before = free_port(), free_port()
    async with serve(gateway, "127.0.0.1", behind), Link(before, behind) as link, asyncio.timeout(60):
        link.swaps = 2
        async with connect(f"ws://127.0.0.1:{before}", proxy=None) as bridge:
            for message in (b"1", b"2", b"3", "heartbeat"):
                await bridge.send(message)
            assert [await arrived.get() for _ in range(4)] == [b"2", b"1", "heartbeat", b"3"]
