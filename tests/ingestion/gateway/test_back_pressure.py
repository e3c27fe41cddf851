"""A log that takes nothing: what the gateway holds stays bounded, the bridge waits, and everything goes on after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.client import ClientConnection

from core.contracts.batch import BatchHeader
from core.contracts.data_contract import DataContract
from core.contracts.frames import Ack, Refused, pack_frame, parse_message
from core.contracts.site import SiteFile
from core.eventlog import Outgoing
from core.eventlog.memory import MemoryLog
from core.settings import GatewaySettings
from ingestion.gateway.intake import MOST_AT_ONCE
from ingestion.gateway.server import Gateway
from tests.ingestion.conftest import Maker, sample
from tests.ingestion.gateway.conftest import READINGS, OneBridge, answer, bridge

CREDIT = 4
BOUND = 2 * CREDIT + MOST_AT_ONCE + 1
"""The queue, one append, and the batch at hand."""
BATCHES = 400
PAYLOAD = 60_000
"""Together many times what sockets buffer, so that a sender that is not read has to wait."""


class SlowLog(MemoryLog):
    """A log that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.takes = asyncio.Event()
        self.asked = asyncio.Event()
        self.most = 0

    async def append_many(self, records: list[Outgoing]) -> list[tuple[int, int]]:
        self.asked.set()
        self.most = max(self.most, len(records))
        await self.takes.wait()
        return await super().append_many(records)


@contextlib.asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[str]:
    async with gateway.serving(0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def refusable(batch: Maker, count: int) -> list[bytes]:
    """Refused for what they hold, so that bytes can be of any size: they take the same way to the log as good ones."""
    numbers = range(1, count + 1)
    return [pack_frame(*batch([sample(seq)], seq, payload=bytes([seq % 251]) * PAYLOAD)) for seq in numbers]


async def until_still(look: Callable[[], object]) -> None:
    """Wait until nothing moves any more; a single look may fall into a moment in which nobody got a turn."""
    before, still = look(), 0
    while still < 5:
        await asyncio.sleep(0.06)
        now = look()
        before, still = now, still + 1 if now == before else 0


@pytest.mark.parametrize("credit_kept", [True, False], ids=["a bridge that keeps to its credit", "one that does not"])
async def test_a_slow_log_stops_the_bridge_and_not_the_gateway(
    site: SiteFile, contract: DataContract, batch: Maker, credit_kept: bool
) -> None:
    log = SlowLog()
    gateway = Gateway(log, OneBridge(site, contract), GatewaySettings(max_batch_bytes=1 << 16, credit=CREDIT))
    frames = refusable(batch, BATCHES)
    flying = asyncio.Semaphore(CREDIT) if credit_kept else asyncio.Semaphore(BATCHES)
    sent = 0
    async with listening(gateway) as address, bridge(address, contract) as socket:
        await answer(socket)

        async def send() -> None:
            nonlocal sent
            for frame in frames:
                await flying.acquire()
                await socket.send(frame)
                sent += 1

        sending = asyncio.create_task(send())
        await log.asked.wait()
        await until_still(lambda: sent)
        assert not sending.done()
        assert sent < BATCHES
        held = gateway.held
        assert 0 < held <= (CREDIT if credit_kept else BOUND)

        log.takes.set()
        done = 0
        most = held
        while done < BATCHES:
            told = await answer(socket)
            most = max(most, gateway.held)
            if isinstance(told, Ack):
                for _ in range(told.seq - done):
                    flying.release()
                done = told.seq
        await sending
        assert most <= BOUND
        assert log.most <= 2 * MOST_AT_ONCE
    stored = await log.read(READINGS, 0, 0, max_records=2 * BATCHES, wait_s=0)
    places = [BatchHeader.from_headers(record.headers).seq for record in stored]
    assert places == list(range(1, BATCHES + 1))


async def test_the_batches_of_all_bridges_together_take_no_more_room_than_they_may(
    site: SiteFile, contract: DataContract, batch: Maker
) -> None:
    log, room, each, count = SlowLog(), 5 * PAYLOAD, 60, 3
    settings = GatewaySettings(max_batch_bytes=1 << 16, credit=each, memory_bytes=room)
    gateway = Gateway(log, OneBridge(site, contract), settings)
    frames = refusable(batch, each)
    most = 0

    async def talk(address: str) -> None:
        """Everything at once: the credit in batches would let it all in."""
        nonlocal most
        async with bridge(address, contract) as socket:
            await answer(socket)
            sending = asyncio.create_task(send(socket))
            done = 0
            while done < each:
                told = await asyncio.wait_for(socket.recv(), 60)
                most = max(most, gateway.held_bytes)
                done = max(done, getattr(parse_message(str(told)), "seq", 0))
            await sending

    async def send(socket: ClientConnection) -> None:
        for frame in frames:
            await socket.send(frame)

    async with listening(gateway) as address:
        talks = [asyncio.create_task(talk(address)) for _ in range(count)]
        await log.asked.wait()
        await until_still(lambda: gateway.held_bytes)
        assert room - PAYLOAD < gateway.held_bytes <= room
        assert gateway.held <= room // PAYLOAD
        log.takes.set()
        await asyncio.gather(*talks)
        await until_still(lambda: gateway.held_bytes)
        assert (most <= room, gateway.held_bytes) == (True, 0)


async def test_a_bridge_that_goes_leaves_its_room_to_the_others(
    site: SiteFile, contract: DataContract, batch: Maker
) -> None:
    log = SlowLog()
    settings = GatewaySettings(max_batch_bytes=1 << 16, credit=8, memory_bytes=2 * PAYLOAD)
    gateway = Gateway(log, OneBridge(site, contract), settings)
    frames = refusable(batch, 4)
    async with listening(gateway) as address:
        async with bridge(address, contract) as socket:
            await answer(socket)
            for frame in frames:
                await socket.send(frame)
            await until_still(lambda: gateway.held_bytes)
            held = gateway.held_bytes
        await until_still(gateway.connected)
        assert (held, gateway.held_bytes) == (2 * PAYLOAD, 0)
        log.takes.set()
        async with bridge(address, contract) as socket:
            await answer(socket)
            await socket.send(frames[0])
            assert isinstance(await answer(socket), Refused)
