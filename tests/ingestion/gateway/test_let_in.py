"""A batch that was let in, whose acknowledgement was lost, and which is refused now: acknowledged, not doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from websockets.asyncio.client import ClientConnection

from core.contracts.batch import BatchHeader
from core.contracts.data_contract import DataContract
from core.contracts.frames import Ack, Refused, pack_frame
from core.contracts.lanes import quarantine_topic
from core.db import TenantScope
from core.settings import GatewaySettings, Settings
from ingestion.gateway.let_in import LetIn
from ingestion.gateway.server import Gateway
from ingestion.sink.service import Sink
from lake.store import Lake
from lake.tables.bronze import BRIDGE_COUNTS, QUARANTINE, READINGS
from tests.ingestion.conftest import Maker, counts, sample
from tests.ingestion.gateway.conftest import READINGS as TOPIC
from tests.ingestion.gateway.conftest import OneBridge, SulkyLog, answer, bridge, records

WIDE, NARROW = 1 << 16, 2_000
LANE = "readings-live"


class Road:
    """A gateway that may be started anew with another limit, and a sink."""

    def __init__(self, log: SulkyLog, door: OneBridge, root: Path) -> None:
        self.log, self.door, self.lake = log, door, Lake(str(root))

    async def send(self, contract: DataContract, limit: int, *batches: tuple[BatchHeader, bytes]) -> list[object]:
        """What a gateway of that limit answers to a bridge that connects and sends."""
        settings = GatewaySettings(max_batch_bytes=limit, credit=8)
        gateway = Gateway(self.log, self.door, settings, LetIn(self.log, lambda: self.lake))
        async with gateway.serving(0) as server:
            port = server.sockets[0].getsockname()[1]
            async with bridge(f"ws://127.0.0.1:{port}", contract) as socket:
                await answer(socket)
                for one in batches:
                    await socket.send(pack_frame(*one))
                return await self._answers(socket, batches[-1][0].seq)

    async def _answers(self, socket: ClientConnection, last: int) -> list[object]:
        told: list[object] = []
        while not (told and isinstance(told[-1], Ack) and told[-1].seq == last):
            told.append(await answer(socket))
        return told

    async def sink(self) -> None:
        """Carry all that is in the log into the lake."""
        tenant: TenantScope = self.door.identity.tenant

        async def tenants() -> Sequence[TenantScope]:
            return [tenant]

        stop = asyncio.Event()
        stop.set()
        await Sink(self.log, self.lake, tenants, Settings()).run(stop)

    def rows(self, spec: object) -> pl.DataFrame:
        return self.lake.tenant("acme-works").scan(spec).collect()


@pytest.fixture
def road(log: SulkyLog, door: OneBridge, tmp_path: Path) -> Road:
    return Road(log, door, tmp_path)


@pytest.mark.parametrize("sunk", [False, True], ids=["while it is on its way", "once it is in bronze"])
async def test_a_resend_is_acknowledged_and_only_what_is_new_is_refused(
    road: Road, contract: DataContract, batch: Maker, sunk: bool
) -> None:
    sent = [batch([sample(n)], n, counted=counts(1)) for n in range(1, 5)]
    await road.send(contract, WIDE, *sent[:3])
    if sunk:
        await road.sink()
    # Of three acknowledgements two were lost, and the gateway came back with a smaller limit.
    told = await road.send(contract, NARROW, *sent[1:])
    assert [one.seq for one in told if isinstance(one, Refused)] == [4]
    assert len(await records(road.log, quarantine_topic("acme-works"))) == 1
    await road.sink()
    assert sorted(road.rows(READINGS)["seq"]) == [1, 2, 3]
    assert road.rows(QUARANTINE).select("lane", "seq").rows() == [(f"refused/plant-a-bridge/a1/{LANE}", 4)]
    assert road.rows(BRIDGE_COUNTS)["forwarded"].sum() == 4
    # What was refused comes once more, as it would after a lost answer: it is refused as before and kept once.
    again = await road.send(contract, NARROW, sent[3])
    assert [one.seq for one in again if isinstance(one, Refused)] == [4]
    await road.sink()
    assert road.rows(QUARANTINE).height == 1


@pytest.mark.parametrize("sunk", [False, True], ids=["while it is on its way", "once it is in bronze"])
async def test_other_content_under_its_number_is_refused_all_the_same(
    road: Road, contract: DataContract, batch: Maker, sunk: bool
) -> None:
    await road.send(contract, WIDE, batch([sample(1)], 1, counted=counts(1)))
    if sunk:
        await road.sink()
    told = await road.send(contract, NARROW, batch([sample(1, 7.0)], 1, counted=counts(1)))
    assert [type(one) for one in told] == [Refused, Ack]
    await road.sink()
    assert road.rows(READINGS)["value"].to_list() == [1.0]
    assert road.rows(QUARANTINE)["value"].to_list() == [7.0]
    assert {one.key for one in await records(road.log, TOPIC)} <= {f"plant-a-bridge/a1/{LANE}".encode()}
