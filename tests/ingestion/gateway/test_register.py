"""The real register at the gate: bridges of tenants that are suspended, resumed and removed by command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cli.main import main
from core.audit import Actor
from core.contracts.frames import Error, Hello, Welcome, parse_message
from core.db import TenantScope
from core.eventlog.memory import MemoryLog
from core.identity import IdentityService
from core.settings import GatewaySettings
from core.tenancy import Tenancy
from core.tenancy.keys import new_key, prefix_for
from ingestion.gateway.register import PlatformRegister
from ingestion.gateway.server import Gateway
from tests.core.tenancy.test_sites import contract_of, site_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
SLUG = "gated-co"


@pytest.fixture
async def address(tenancy: Tenancy, prepared: Installation) -> AsyncIterator[str]:
    register = PlatformRegister(tenancy, IdentityService(tenancy, prepared.run, prepared.settings))
    async with Gateway(MemoryLog(), register, GatewaySettings()).serving(0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refusal(address: str, key: str) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as told:
        async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}):
            pass
    return told.value.response.status_code, told.value.response.body


@dataclass(frozen=True)
class Hall:
    """A tenant's one site as its bridge knows it."""

    scope: TenantScope
    site: str
    hello: Hello

    @asynccontextmanager
    async def welcomed(self, address: str, key: str) -> AsyncIterator[ClientConnection]:
        async with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as socket:
            await socket.send(self.hello.model_dump_json())
            assert isinstance(parse_message(str(await socket.recv())), Welcome)
            yield socket


async def hall_of(tenancy: Tenancy, slug: str) -> Hall:
    scope = await tenancy.create(slug, slug.title(), actor=Actor.command("test"))
    name = f"{slug}-hall"
    site = site_of(slug, name)
    contract = contract_of(site)
    await tenancy.register_site(scope, site, contract, actor=Actor.command("test"))
    hello = Hello(
        bridge=f"{name}-bridge",
        incarnation="a1",
        site=name,
        contract_id=contract.id,
        contract_version=contract.version,
        contract_sha256=contract.sha256,
        sent_at=datetime.now(UTC).isoformat(),
    )
    return Hall(scope, name, hello)


async def test_a_bridge_is_cut_off_by_suspension_and_unknown_after_removal(
    address: str, tenancy: Tenancy, prepared: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    hall = await hall_of(tenancy, SLUG)
    key = (await tenancy.bridge_key_file(hall.scope, hall.site)).read_text()

    async def command(name: str, *words: str) -> None:
        assert await asyncio.to_thread(main, ["tenants", name, SLUG, *words, "--run", str(prepared.run.path)]) == 0

    async def cut_off_by(name: str, *words: str) -> object:
        async with hall.welcomed(address, key) as socket:
            cut = asyncio.create_task(command(name, *words))
            said = parse_message(str(await asyncio.wait_for(socket.recv(), 60)))
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 60)
            await cut
            return said

    assert await cut_off_by("suspend") == Error(reason="the tenant is not active", retry=True)
    assert await refusal(address, key) == (403, b"the tenant is not active\n")
    await command("resume")
    assert await cut_off_by("remove", "--confirm", SLUG) == Error(reason="the tenant is not active", retry=True)
    invented = new_key(prefix_for("nobody", "nowhere"))
    assert await refusal(address, key) == await refusal(address, invented) == (401, b"bridge key is not valid\n")


async def test_a_key_that_is_replaced_while_its_bridge_is_connected_ends_the_talk_and_opens_nothing_more(
    address: str, tenancy: Tenancy
) -> None:
    hall = await hall_of(tenancy, "rekeyed-co")
    key = (await tenancy.bridge_key_file(hall.scope, hall.site)).read_text()
    async with hall.welcomed(address, key) as socket:
        await tenancy.replace_bridge_key(hall.scope, hall.site, actor=Actor.command("test"))
        said = parse_message(str(await asyncio.wait_for(socket.recv(), 60)))
        assert said == Error(reason="the bridge's key is no longer valid", retry=True)
    assert await refusal(address, key) == (401, b"bridge key is not valid\n")
    fresh = (await tenancy.bridge_key_file(hall.scope, hall.site)).read_text()
    async with hall.welcomed(address, fresh):
        pass
