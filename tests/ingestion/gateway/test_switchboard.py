"""A call from the platform to a bridge and back: real database, real gateway, real link."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from bridge.calls import Caller, Calls, Handler
from bridge.config import BridgeConfig
from bridge.health import Monitor
from bridge.in_force import Contracts
from bridge.outbox import Outbox
from bridge.store import Store
from bridge.uplink import Link, Uplink
from cli.main import main
from core.audit import Actor
from core.bridge_calls import (
    BridgeCalls,
    BridgeOfflineError,
    CallDesk,
    CallFailedError,
    Place,
    SiteReader,
    TakenCall,
)
from core.contracts.calls import MOST_BYTES
from core.db import TenantScope
from core.errors import DeniedError, NotFoundError
from core.eventlog.memory import MemoryLog
from core.identity import IdentityService
from core.settings import BridgeSettings, GatewaySettings
from core.tenancy import Tenancy
from ingestion.gateway.register import PlatformRegister
from ingestion.gateway.server import Gateway
from ingestion.gateway.switchboard import Switchboard
from tests.core.tenancy.test_sites import contract_of, site_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
SITE = "called-hall"


@dataclass
class Plant:
    """A tenant with one site, whose bridge can be connected."""

    scope: TenantScope
    place: Place
    key: SecretStr
    address: str
    home: Path

    @contextlib.asynccontextmanager
    async def connected(self, **tools: Handler) -> AsyncIterator[None]:
        site = site_of(self.scope.slug, SITE)
        config = BridgeConfig(
            site, contract_of(site), self.home, self.address, self.key, self.place.bridge_id, BridgeSettings()
        )
        stop, link = asyncio.Event(), Link()
        with Store.open(self.home) as store:
            connection = store.connect()
            contracts = Contracts(site, config.contract)
            monitor = Monitor(config, store, [], contracts)
            calls = Calls(tools, kept={"write_tag": "use platform bridge write on site"})
            uplink = Uplink(config, "inc", Outbox(connection), link, asyncio.Event(), monitor.look, contracts, calls)
            task = asyncio.create_task(uplink.run(stop))
            async with asyncio.timeout(60):
                while not link.connected:  # noqa: ASYNC110  the link has no event for it
                    await asyncio.sleep(0.01)
            try:
                yield
            finally:
                stop.set()
                await task
                monitor.close()
                connection.close()


@pytest.fixture
async def address(tenancy: Tenancy, prepared: Installation) -> AsyncIterator[str]:
    register = PlatformRegister(tenancy, IdentityService(tenancy, prepared.run, prepared.settings))
    gateway = Gateway(MemoryLog(), register, GatewaySettings())
    async with Switchboard(CallDesk(tenancy.platform), gateway).open(), gateway.serving(0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def calls(tenancy: Tenancy) -> AsyncIterator[BridgeCalls]:
    async with BridgeCalls(tenancy.platform) as opened:
        yield opened


async def plant_of(slug: str, tenancy: Tenancy, calls: BridgeCalls, address: str, home: Path) -> Plant:
    scope = await tenancy.create(slug, slug.title(), actor=Actor.command("test"))
    site = site_of(slug, SITE)
    await tenancy.register_site(scope, site, contract_of(site), actor=Actor.command("test"))
    key = (await tenancy.bridge_key_file(scope, SITE)).read_text()
    (place,) = await calls.places(scope)
    return Plant(scope, place, SecretStr(key), address, home / slug)


@pytest.fixture
async def plant(tenancy: Tenancy, calls: BridgeCalls, address: str, tmp_path: Path) -> Plant:
    return await plant_of("called-co", tenancy, calls, address, tmp_path)


async def left(tenancy: Tenancy, scope: TenantScope) -> int:
    async with tenancy.platform.transaction(scope.id) as transaction:
        return await transaction.fetchval("select count(*) from bridge_calls")


async def echo(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"asked_by": caller.name, **arguments}


async def test_a_call_goes_to_the_site_and_its_answer_comes_back(
    plant: Plant, calls: BridgeCalls, tenancy: Tenancy
) -> None:
    assert plant.place.equipment == {"pump-1"}
    async with plant.connected(echo=echo):
        answers = await asyncio.gather(
            *(calls.call(plant.scope, plant.place, "echo", {"n": n}, asked_by="ana") for n in range(5))
        )
    assert answers == [{"asked_by": "ana", "n": n} for n in range(5)]
    assert await left(tenancy, plant.scope) == 0


async def test_writing_has_no_route_from_the_platform(plant: Plant, calls: BridgeCalls) -> None:
    async with plant.connected(write_tag=echo):
        with pytest.raises(DeniedError, match=r"site called-hall refuses: write_tag cannot be called from the platfor"):
            await calls.call(plant.scope, plant.place, "write_tag", {"signal": "x", "value": 1}, asked_by="ana")
        with pytest.raises(NotFoundError, match=r"called-hall: tool not on this bridge; expected .*write_tag"):
            await calls.call(plant.scope, plant.place, "write_tags", {}, asked_by="ana")


async def test_a_bridge_without_a_socket_is_offline_since(plant: Plant, calls: BridgeCalls, tenancy: Tenancy) -> None:
    async with plant.connected(echo=echo):
        pass
    (place,) = await calls.places(plant.scope)
    assert place.last_seen is not None
    with pytest.raises(BridgeOfflineError, match="called-hall-bridge of site called-hall is offline since 20"):
        await calls.call(plant.scope, place, "echo", {}, asked_by="ana")
    assert await left(tenancy, plant.scope) == 0


async def test_what_tools_ask_is_routed_and_comes_back_with_its_evidence(plant: Plant, calls: BridgeCalls) -> None:
    heard: list[tuple[str, Mapping[str, Any]]] = []
    row = {"equipment": "pump-1", "signal": "flow", "ts": "2024-01-01T00:00:00+00:00", "value": 1.5}
    source = {"site": "called elsewhere", "contract": "hall 1.0.0", "position": 7, "call": "as asked"}

    async def reading(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        heard.append((caller.name, arguments))
        return {"rows": [row], "withheld": ["pump-1.noise"], "truncated": True, "source": source}

    async def nonsense(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"rows": [{"value": {"of": "another shape"}}], "source": source}

    site, since = SiteReader(calls, plant.scope, "ana"), datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    async with plant.connected(read_tag=reading, historian_query=reading, snapshot=nonsense):
        told = await site.read_tag("pump-1", "flow")
        await site.historian_query("pump-1", "flow", since, since + timedelta(hours=1), aggregate="max", every="PT1M")
        with pytest.raises(CallFailedError, match="called-hall-bridge of site called-hall answered what cannot be rea"):
            await site.snapshot()
        with pytest.raises(NotFoundError, match=r"no such equipment; received 'pump-9'"):
            await site.read_tag("pump-9", "flow")
        with pytest.raises(NotFoundError, match=r"no such site; expected called-hall"):
            await site.snapshot(site="south")
    with pytest.raises(BridgeOfflineError, match="called-hall-bridge of site called-hall is offline since 20"):
        await site.read_tag("pump-1", "flow")

    assert (told.rows, told.withheld, told.truncated) == ([row], ["pump-1.noise"], True)
    (evidence,) = told.evidence
    assert (evidence.site, evidence.bridge) == (SITE, plant.place.bridge_id), "what the bridge calls itself is no proof"
    assert (evidence.signals, evidence.contract, evidence.position) == (["pump-1.flow"], "hall 1.0.0", 7)
    span = {"since": "2024-01-01T00:00:00+00:00", "until": "2024-01-01T01:00:00+00:00"}
    window = {"aggregate": "max", "every": "PT1M", "limit": 200}
    tag = {"equipment": "pump-1", "signal": "flow"}
    assert heard == [("ana", tag), ("ana", tag | span | window)]


async def test_who_stops_waiting_stops_the_work_on_site(plant: Plant, calls: BridgeCalls, tenancy: Tenancy) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    async with plant.connected(wait=wait):
        call = asyncio.create_task(calls.call(plant.scope, plant.place, "wait", {}, asked_by="ana", timeout_s=60))
        await asyncio.wait_for(began.wait(), 60)
        call.cancel()
        await asyncio.wait_for(ended.wait(), 60)
        with contextlib.suppress(asyncio.CancelledError):
            await call
    assert await left(tenancy, plant.scope) == 0


async def test_a_link_that_breaks_and_a_call_that_is_too_long_are_said(plant: Plant, calls: BridgeCalls) -> None:
    began = asyncio.Event()

    async def wait(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        began.set()
        await asyncio.Event().wait()
        return {}

    async with plant.connected(wait=wait):
        with pytest.raises(CallFailedError, match="a call may be 524,288 bytes long"):
            await calls.call(plant.scope, plant.place, "wait", {"text": "x" * MOST_BYTES}, asked_by="ana")
        call = asyncio.create_task(calls.call(plant.scope, plant.place, "wait", {}, asked_by="ana", timeout_s=60))
        await asyncio.wait_for(began.wait(), 60)
    with pytest.raises(CallFailedError, match="the link to the bridge broke before it answered"):
        await call


async def test_a_tenant_reaches_its_own_bridge_only(
    plant: Plant, calls: BridgeCalls, tenancy: Tenancy, address: str, tmp_path: Path
) -> None:
    """Both have a site and a bridge of the same name; only one of them is connected."""
    other = await plant_of("calling-co", tenancy, calls, address, tmp_path)
    assert other.place == replace(plant.place, last_seen=None)
    heard: list[str] = []

    async def listen(caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        heard.append(caller.name)
        return {}

    async with plant.connected(listen=listen):
        with pytest.raises(BridgeOfflineError):
            await calls.call(other.scope, plant.place, "listen", {}, asked_by="eve")
        # A notification is not a call: without a row of the bridge's own tenant nothing is asked.
        desk = CallDesk(tenancy.platform)
        assert await desk.take(TakenCall(plant.scope.id, plant.place.bridge_id, str(uuid4()))) is None
        row = await _pending(tenancy, other.scope, other.place)
        assert await desk.take(TakenCall(plant.scope.id, plant.place.bridge_id, str(row))) is None
        await calls.call(plant.scope, plant.place, "listen", {}, asked_by="ana")
    assert heard == ["ana"]


async def _pending(tenancy: Tenancy, scope: TenantScope, place: Place) -> UUID:
    async with tenancy.platform.transaction(scope.id) as transaction:
        return await transaction.fetchval(
            "insert into bridge_calls (id, tenant_id, bridge_id, tool, arguments, asked_by, deadline)"
            " values (gen_random_uuid(), $1, $2, 'listen', '{}', 'eve', now() + interval '1 minute') returning id",
            scope.id,
            place.bridge_id,
        )


async def test_the_operator_asks_by_command_and_it_is_recorded(
    plant: Plant,
    tenancy: Tenancy,
    prepared: Installation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    where = ["--tenant", plant.scope.slug, "--run", str(prepared.run.path)]

    async def command(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["bridges", "ask", *words, *where])
        return code, "".join(capsys.readouterr())

    async with plant.connected(echo=echo):
        code, told = await command("echo", "equipment=pump-1", "limit=3", "--site", SITE)
        assert code == 0
        assert json.JSONDecoder().raw_decode(told, told.index("{\n"))[0] == {
            "asked_by": "bridges ask",
            "equipment": "pump-1",
            "limit": 3,
        }
        code, told = await command("write_tag", "equipment=pump-1")
        assert (code, "write_tag cannot be called from the platform" in told) == (1, True)
        assert "no such equipment" in (await command("echo", "equipment=pump-9"))[1]
    records = [one for one in await tenancy.audit.newest(plant.scope) if one.action == "bridge.call"]
    assert [(one.target, one.outcome) for one in records[:2]] == [
        ("called-hall-bridge", "DeniedError"),
        ("called-hall-bridge", "done"),
    ]
