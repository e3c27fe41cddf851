"""The gateway as a bridge sees it: a real socket, a log in memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from core.contracts.batch import BatchHeader
from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    Ack,
    ContractAnswer,
    ContractUpdate,
    Error,
    Heartbeat,
    Hello,
    Refused,
    Welcome,
    pack_frame,
    parse_message,
)
from core.contracts.health import BridgeHealth, Device, DriverHealth
from core.contracts.lanes import quarantine_topic
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.db.scope import TenantScope
from core.errors import DeniedError, InputError, TransientError
from core.eventlog import Outgoing, Record, partition_of
from core.eventlog.memory import MemoryLog
from core.identity import BridgeIdentity
from core.settings import GatewaySettings
from core.tenancy import BridgeStanding, InactiveTenantError
from core.tenancy.keys import hash_of
from ingestion.gateway.promise import Promise
from ingestion.gateway.server import Gateway
from tests.ingestion.conftest import Maker, counts, sample

KEY = "right-key"
READINGS = "acme-works.scada.readings"


class OneBridge:
    """A register that knows one bridge."""

    def __init__(self, site: SiteFile, contract: DataContract) -> None:
        self.identity = BridgeIdentity(TenantScope(uuid4(), "acme-works", "Acme"), "plant-a-bridge", "plant-a")
        self._promises = {contract.sha256: Promise.of(site, contract)}
        self.seen_incarnations: list[str] = []
        self.introduced: list[tuple[str, tuple[Device, ...]]] = []
        self.beats: list[tuple[BridgeHealth, float]] = []
        self.looks = 0
        self.forgetful = False
        self.suspended = False
        self.key_hash = hash_of(KEY)
        self.in_force = contract

    async def authenticate(self, key: str) -> BridgeIdentity:
        if key != KEY:
            raise DeniedError("bridge key is not valid")
        if self.suspended:
            raise InactiveTenantError
        return self.identity

    async def active_tenants(self) -> set[UUID]:
        return set() if self.suspended else {self.identity.tenant.id}

    async def standings(self, tenant: TenantScope) -> dict[str, BridgeStanding]:
        name = self.identity.bridge_id
        return (
            {name: BridgeStanding(name, self.key_hash, self.in_force.sha256)}
            if tenant.id == self.identity.tenant.id
            else {}
        )

    async def promise(self, identity: BridgeIdentity, sha256: str) -> Promise | None:
        return self._promises.get(sha256)

    async def contract(self, identity: BridgeIdentity, sha256: str) -> DataContract | None:
        return self.in_force if sha256 == self.in_force.sha256 else None

    async def seen(self, identity: BridgeIdentity, incarnation: str) -> None:
        self.seen_incarnations.append(incarnation)

    async def introduce(self, identity: BridgeIdentity, version: str, devices: tuple[Device, ...]) -> None:
        self.introduced.append((version, devices))

    async def beat(
        self, identity: BridgeIdentity, incarnation: str, health: BridgeHealth, clock_offset_s: float
    ) -> None:
        if self.forgetful:
            raise TransientError("database is away")
        self.beats.append((health, clock_offset_s))

    async def take_down_silent(self) -> None:
        self.looks += 1


class SulkyLog(MemoryLog):
    """A log that fails as often as told before it takes anything."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.failures = 0

    async def append_many(self, records: list[Outgoing]) -> list[tuple[int, int]]:
        if self.failures:
            self.failures -= 1
            raise TransientError("log is down")
        return await super().append_many(records)


@pytest.fixture
def log() -> SulkyLog:
    return SulkyLog()


@pytest.fixture
def door(site: SiteFile, contract: DataContract) -> OneBridge:
    return OneBridge(site, contract)


@pytest.fixture
async def address(log: SulkyLog, door: OneBridge) -> AsyncIterator[str]:
    gateway = Gateway(log, door, GatewaySettings(max_batch_bytes=1 << 16, credit=8))
    async with gateway.serving(0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def certificate(
    name: str, folder: Path, host: str, authority: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None = None
):
    """`<host>.pem` and `<host>.key` of a certificate of that name; signed by itself if by no authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = authority or (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            issuer, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{host}.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{host}.key").write_bytes(key.private_bytes(pem, pkcs8, plain))
    return subject, key


@asynccontextmanager
async def bridge(address: str, contract: DataContract, **changes: object) -> AsyncIterator[ClientConnection]:
    """A socket with its hello sent."""
    hello = {
        "bridge": "plant-a-bridge",
        "incarnation": "a1",
        "site": "plant-a",
        "contract_id": contract.id,
        "contract_version": contract.version,
        "contract_sha256": contract.sha256,
        "sent_at": datetime.now(UTC).isoformat(),
    }
    async with connect(address, additional_headers={"Authorization": f"Bearer {KEY}"}, proxy=None) as socket:
        await socket.send(Hello.model_validate({**hello, **changes}).model_dump_json())
        yield socket


async def answer(socket: ClientConnection) -> object:
    frame = await asyncio.wait_for(socket.recv(), 10)
    assert isinstance(frame, str)
    return parse_message(frame)


async def records(log: MemoryLog, topic: str) -> list[Record]:
    return await log.read(topic, partition_of(b"", 1), 0, wait_s=0)


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


async def test_with_a_certificate_it_speaks_tls(
    log: SulkyLog, door: OneBridge, contract: DataContract, tmp_path: Path
) -> None:
    certificate("localhost", tmp_path, "localhost")
    settings = GatewaySettings(tls_certificate=tmp_path / "localhost.pem", tls_key=tmp_path / "localhost.key")
    async with Gateway(log, door, settings).serving(0) as server:
        port = server.sockets[0].getsockname()[1]
        trust = ssl.create_default_context(cafile=tmp_path / "localhost.pem")
        headers = {"Authorization": f"Bearer {KEY}"}
        async with connect(f"wss://localhost:{port}", ssl=trust, additional_headers=headers, proxy=None) as socket:
            assert socket.state is State.OPEN
    with pytest.raises(InputError, match="TLS certificate"):
        async with Gateway(log, door, settings.model_copy(update={"tls_key": tmp_path / "localhost.pem"})).serving(0):
            pass


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


async def test_a_key_that_is_replaced_ends_the_connection_it_opened(
    address: str, contract: DataContract, door: OneBridge
) -> None:
    async with bridge(address, contract) as socket:
        await answer(socket)
        door.key_hash = hash_of("a new key")
        assert await answer(socket) == Error(reason="the bridge's key is no longer valid", retry=True)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 10)


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


async def test_plain_ws_stays_on_loopback(log: SulkyLog, door: OneBridge) -> None:
    with pytest.raises(InputError, match="loopback only"):
        async with Gateway(log, door, GatewaySettings(host="0.0.0.0")).serving(0):
            pass


async def test_an_address_that_is_taken_is_named(address: str, log: SulkyLog, door: OneBridge) -> None:
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(InputError, match=str(port)):
        async with Gateway(log, door, GatewaySettings()).serving(port):
            pass


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
            await asyncio.wait_for(socket.recv(), 10)
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
