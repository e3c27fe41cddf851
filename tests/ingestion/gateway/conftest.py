"""A register that knows one bridge, logs in memory, and the bridge's side of the talk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect

from core.contracts.data_contract import DataContract
from core.contracts.frames import (
    Hello,
    parse_message,
)
from core.contracts.health import BridgeHealth, Device
from core.contracts.package_key import KeyLink
from core.contracts.site import SiteFile
from core.db.scope import TenantScope
from core.errors import DeniedError, TerminalError, TransientError
from core.eventlog import Outgoing, Record, partition_of
from core.eventlog.memory import MemoryLog
from core.identity import BridgeIdentity
from core.settings import GatewaySettings
from core.tenancy import BridgeStanding, InactiveTenantError
from core.tenancy.keys import hash_of
from ingestion.gateway.promise import Promise
from ingestion.gateway.server import Gateway

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
        self.keys: list[KeyLink] = []
        self.forgetful = False
        self.keyless = False
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

    async def package_keys(self, identity: BridgeIdentity) -> list[KeyLink]:
        if self.keyless:
            raise TerminalError("the keys cannot be read")
        return list(self.keys)

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
    frame = await asyncio.wait_for(socket.recv(), 60)
    assert isinstance(frame, str)
    return parse_message(frame)


async def records(log: MemoryLog, topic: str) -> list[Record]:
    return await log.read(topic, partition_of(b"", 1), 0, wait_s=0)
