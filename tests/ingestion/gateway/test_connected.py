"""What changes while a bridge is connected: its key, its contract, its clock, its tenant."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    Ack,
    ContractAnswer,
    ContractUpdate,
    Error,
    Heartbeat,
    Welcome,
    pack_frame,
)
from core.contracts.health import BridgeHealth, DriverHealth
from core.contracts.odcs import parse_contract
from core.tenancy.keys import hash_of
from tests.ingestion.conftest import Maker, counts, sample
from tests.ingestion.gateway.conftest import READINGS, OneBridge, SulkyLog, answer, bridge, records


async def test_a_key_that_is_replaced_ends_the_connection_it_opened(
    address: str, contract: DataContract, door: OneBridge
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        door.key_hash = hash_of("a new key")
        assert await answer(socket) == Error(reason="the bridge's key is no longer valid", retry=True)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 60)


async def test_a_contract_that_takes_force_is_sent_once_to_who_can_take_it(
    address: str, contract: DataContract, door: OneBridge, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = parse_contract(contract.source.replace("version: 1.0.0", "version: 1.1.0"), where="newer")
    async with bridge(address, contract, protocols=(1, 2)) as able, bridge(address, contract, protocols=(1,)) as old:
        await answer(able)
        await answer(old)
        door.in_force = newer
        assert await answer(able) == ContractUpdate(source=newer.source, sha256=newer.sha256)
        refusal = ContractAnswer(sha256=newer.sha256, accepted=False, reason="signal 'x' is unknown")
        await able.send(refusal.model_dump_json())
        door.in_force = contract
        assert await answer(able) == ContractUpdate(source=contract.source, sha256=contract.sha256)
        await able.send(ContractAnswer(sha256=contract.sha256, accepted=True).model_dump_json())
        door.key_hash = hash_of("another")
        assert isinstance(await answer(able), Error)
        assert isinstance(await answer(old), Error)
    said = "".join(capsys.readouterr())
    assert said.count("bridge is too old to be sent its new contract") >= 1
    assert "bridge refuses the contract" in said
    assert "signal 'x' is unknown" in said


HEALTH = BridgeHealth(
    version="0.1.0",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    contract="1.0.0 abc",
    drivers=(DriverHealth(endpoint="opc.tcp://a", connected_since=None, last_reading=None, error="away"),),
    outbox_batches=0,
    outbox_rows=0,
    outbox_bytes=0,
    outbox_oldest_s=None,
    disk_free_bytes=1,
    cpu_percent=0.5,
    memory_bytes=1,
)


async def test_a_clock_that_is_off_is_flagged_once_and_no_reason_to_refuse(
    address: str, contract: DataContract, door: OneBridge, batch: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bridge(address, contract, sent_at="2001-01-01T00:00:00+00:00") as socket:
        assert isinstance(await answer(socket), Welcome)
        for sent_at in ("2001-01-01T00:00:00Z", datetime.now(UTC).isoformat()):
            await socket.send(Heartbeat(sent_at=sent_at, health=HEALTH).model_dump_json())
        await socket.send(pack_frame(*batch([sample(0)])))
        assert isinstance(await answer(socket), Ack)
    (first, behind_s), (_, right_s) = door.beats
    assert (first, behind_s < -20 * 365 * 86_400, abs(right_s) < 60) == (HEALTH, True, True)
    said = "".join(capsys.readouterr())
    assert (said.count("clock of the bridge is off"), said.count("right again")) == (1, 1)


async def test_a_platform_that_forgets_a_heartbeat_takes_the_batches(
    address: str, contract: DataContract, door: OneBridge, batch: Maker
) -> None:
    door.forgetful = True
    async with bridge(address, contract, sent_at=datetime.now(UTC).isoformat()) as socket:
        await answer(socket)
        await socket.send(Heartbeat(sent_at=datetime.now(UTC).isoformat(), health=HEALTH).model_dump_json())
        await socket.send(pack_frame(*batch([sample(0)])))
        assert isinstance(await answer(socket), Ack)
    assert (door.introduced, door.beats) == ([("", ())], [])


async def test_a_platform_that_cannot_read_its_keys_says_so_and_takes_the_batches(
    address: str, contract: DataContract, door: OneBridge, batch: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    door.keyless = True
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(pack_frame(*batch([sample(0)])))
        assert isinstance(await answer(socket), Ack)
    said = "".join(capsys.readouterr())
    assert "keys for packages were not handed over" in said
    assert "the keys cannot be read" in said


async def test_a_suspended_tenant_s_bridge_loses_its_socket_keeps_its_batch_and_comes_back(
    address: str, contract: DataContract, log: SulkyLog, door: OneBridge, batch: Maker
) -> None:
    frames = {seq: pack_frame(*batch([sample(seq)], seq, counted=counts(1))) for seq in (1, 2)}
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(frames[1])
        assert await answer(socket) == Ack(incarnation="a1", lane="readings-live", seq=1)
        door.suspended = True
        assert await answer(socket) == Error(reason="the tenant is not active", retry=True)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 60)
    with pytest.raises(InvalidStatus) as refusal:
        async with bridge(address, contract):
            pass
    assert (refusal.value.response.status_code, len(await records(log, READINGS))) == (403, 1)

    door.suspended = False
    async with bridge(address, contract) as socket:
        await answer(socket)
        await socket.send(frames[2])
        assert await answer(socket) == Ack(incarnation="a1", lane="readings-live", seq=2)
    assert len(await records(log, READINGS)) == 2
