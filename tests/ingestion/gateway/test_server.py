"""Frames and refusals, as a bridge sees them: a real socket, a log in memory."""

from __future__ import annotations

from datetime import datetime

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.contracts.batch import BatchHeader
from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    Ack,
    Error,
    Refused,
    Welcome,
    pack_frame,
)
from core.contracts.lanes import quarantine_topic
from core.errors import InputError
from core.settings import GatewaySettings
from ingestion.gateway.server import Gateway
from tests.ingestion.conftest import Maker, counts, sample
from tests.ingestion.gateway.conftest import KEY, READINGS, OneBridge, SulkyLog, answer, bridge, records


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}])
async def test_any_wrong_key_gets_the_same_401(address: str, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        await connect(address, additional_headers=headers, proxy=None)
    response = refusal.value.response
    assert (response.status_code, response.body) == (401, b"bridge key is not valid\n")


async def test_a_batch_reaches_the_log_untouched_and_is_then_acknowledged(
    address: str, contract: DataContract, log: SulkyLog, door: OneBridge, batch: Maker
) -> None:
    async with bridge(address, contract) as socket:
        assert await answer(socket) == Welcome(protocol=1, credit=8, tenant="acme-works")
        header, payload = batch([sample(0)], counted=counts(1))
        await socket.send(pack_frame(header, payload))
        assert await answer(socket) == Ack(incarnation="a1", lane="readings-live", seq=1)
    (record,) = await records(log, READINGS)
    assert record.value == payload
    assert record.key == b"plant-a-bridge/a1/readings-live"
    stored = BatchHeader.from_headers(record.headers)
    assert stored.tenant == "acme-works"
    assert datetime.fromisoformat(stored.received_at).tzinfo is not None
    assert door.seen_incarnations == ["a1"]


async def test_no_header_field_names_a_tenant(
    address: str, contract: DataContract, log: SulkyLog, batch: Maker
) -> None:
    await log.ensure_topics(["tenant-b.scada.readings"])
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(pack_frame(*batch([sample(0)], tenant="tenant-b", received_at="2001-01-01T00:00:00Z")))
        assert isinstance(await answer(socket), Ack)
    assert await records(log, "tenant-b.scada.readings") == []
    (record,) = await records(log, READINGS)
    stored = BatchHeader.from_headers(record.headers)
    assert (stored.tenant, stored.received_at[:4] == "2001") == ("acme-works", False)


async def test_many_in_flight_are_acknowledged_in_order(
    address: str, contract: DataContract, log: SulkyLog, batch: Maker
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        for seq in range(1, 21):
            await socket.send(pack_frame(*batch([sample(seq)], seq)))
        acks: list[int] = []
        while not acks or acks[-1] < 20:
            acks.append((await answer(socket)).seq)
    assert acks == sorted(acks)
    stored = [BatchHeader.from_headers(record.headers).seq for record in await records(log, READINGS)]
    assert stored == list(range(1, 21))


async def test_while_the_log_is_down_nothing_is_acknowledged_and_the_socket_stays(
    address: str, contract: DataContract, log: SulkyLog, batch: Maker
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        log.failures = 2
        await socket.send(pack_frame(*batch([sample(0)])))
        assert isinstance(await answer(socket), Ack)
        assert log.failures == 0
    assert len(await records(log, READINGS)) == 1


async def test_a_final_refusal_goes_to_quarantine_and_leaves_a_tombstone(
    address: str, contract: DataContract, log: SulkyLog, batch: Maker
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        bad, bad_payload = batch([sample(0, signal="temperature")], 1)
        await socket.send(pack_frame(bad, bad_payload))
        await socket.send(pack_frame(*batch([sample(1)], 2)))
        refusal = await answer(socket)
        assert isinstance(refusal, Refused)
        assert (refusal.seq, "temperature" in refusal.reason) == (1, True)
        acks = [await answer(socket)]
        while acks[-1].seq < 2:
            acks.append(await answer(socket))
    tombstone, good = [BatchHeader.from_headers(record.headers) for record in await records(log, READINGS)]
    assert (tombstone.seq, tombstone.tombstone, tombstone.rows) == (1, True, 0)
    assert (good.seq, good.tombstone) == (2, False)
    (kept,) = await records(log, quarantine_topic("acme-works"))
    assert kept.value == bad_payload
    assert "temperature" in BatchHeader.from_headers(kept.headers).reason


async def test_an_oversized_batch_is_kept_whole_in_quarantine(
    address: str, contract: DataContract, log: SulkyLog, batch: Maker
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(pack_frame(*batch([sample(0)], payload=bytes(100_000))))
        assert isinstance(await answer(socket), Refused)
    (kept,) = await records(log, quarantine_topic("acme-works"))
    assert len(kept.value) == 100_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"protocol": 99},
            "no protocol in common; expected 1, 2 of the gateway; received '99 of the bridge'; next: update",
        ),
        ({"protocols": (4, 3)}, "received '3, 4 of the bridge'; next: update the gateway"),
        ({"protocols": (0,)}, "update the bridge"),
        ({"site": "plant-b"}, "this key is for bridge"),
        ({"bridge": "other-bridge"}, "this key is for bridge"),
        ({"contract_sha256": "0" * 64}, "run `platform"),
        ({"incarnation": "a/1"}, "incarnation"),
        ({"sent_at": "yesterday"}, "no time"),
    ],
)
async def test_a_bridge_that_does_not_fit_is_told_what_to_do(
    address: str, contract: DataContract, changes: dict[str, object], reason: str
) -> None:
    async with bridge(address, contract, **changes) as socket:
        told = await answer(socket)
        assert isinstance(told, Error)
        assert not told.retry
        assert reason in told.reason
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_a_lane_with_a_hole_is_not_acknowledged(address: str, contract: DataContract, batch: Maker) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(pack_frame(*batch([sample(0)], 4)))
        assert isinstance(await answer(socket), Ack)
        await socket.send(pack_frame(*batch([sample(0)], 6)))
        told = await answer(socket)
        assert isinstance(told, Error)
        assert "hole" in told.reason


@pytest.mark.parametrize("frame", ["not json", '{"type":"welcome","protocol":1,"credit":1,"tenant":"x"}', b"\x01"])
async def test_frames_that_make_no_sense_end_the_talk(address: str, contract: DataContract, frame: str | bytes) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(frame)
        assert isinstance(await answer(socket), Error)


@pytest.mark.parametrize(
    ("spoken", "chosen"),
    [({}, 1), ({"protocols": (1,)}, 1), ({"protocols": (1, 2, 3)}, 2), ({"protocol": 9, "protocols": (2,)}, 2)],
)
async def test_both_sides_speak_the_highest_version_that_both_know(
    address: str, contract: DataContract, batch: Maker, spoken: dict[str, object], chosen: int
) -> None:
    async with bridge(address, contract, **spoken) as socket:
        assert await answer(socket) == Welcome(protocol=chosen, credit=8, tenant="acme-works")
        await socket.send(pack_frame(*batch([sample(0)])))
        assert isinstance(await answer(socket), Ack)


async def test_an_address_that_is_taken_is_named(address: str, log: SulkyLog, door: OneBridge) -> None:
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(InputError, match=str(port)):
        async with Gateway(log, door, GatewaySettings()).serving(port):
            pass
