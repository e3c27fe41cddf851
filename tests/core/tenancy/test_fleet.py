"""Bridges that go and come back: told once each, whoever looks and how often; what is kept of how they were."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cli.main import main
from core.audit import Actor
from core.contracts.health import BridgeHealth, Device, DriverHealth
from core.db import TenantScope
from core.settings import GatewaySettings
from core.tenancy import Tenancy
from core.tenancy.fleet import Fleet, spoken
from tests.core.tenancy.test_sites import contract_of, site_of

pytestmark = pytest.mark.integration
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
AWAY = DriverHealth(endpoint="opc.tcp://press", connected_since=None, last_reading=None, error="device is away")
THERE = DriverHealth(endpoint="modbus://oven", connected_since=LONG_AGO, last_reading=LONG_AGO, error=None)
HEALTH = BridgeHealth(
    version="1.2.3",
    started_at=LONG_AGO,
    contract="1.0.0 4f3a",
    drivers=(AWAY, THERE),
    outbox_batches=2,
    outbox_rows=1_500,
    outbox_bytes=2_500_000,
    outbox_oldest_s=12.5,
    disk_free_bytes=7_000_000_000,
    cpu_percent=3.25,
    memory_bytes=120_000_000,
)
DEVICES = (Device(endpoint="opc.tcp://press", equipment=("press-1", "press-2"), signals=6),)


async def two_bridges(tenancy: Tenancy, slug: str) -> TenantScope:
    scope = await tenancy.create(slug, slug, actor=Actor.command("test"))
    for name in ("oven", "press"):
        site = site_of(slug, f"{slug}-{name}")
        await tenancy.register_site(scope, site, contract_of(site), actor=Actor.command("test"))
    return scope


async def age(tenancy: Tenancy, scope: TenantScope, bridge_id: str, seconds: float) -> None:
    """Let a bridge have been silent for so long."""
    async with tenancy.platform.transaction(scope.id) as transaction:
        silent = "update bridges set last_seen = now() - $2::interval where bridge_id = $1"
        await transaction.execute(silent, bridge_id, timedelta(seconds=seconds))


async def told(tenancy: Tenancy, scope: TenantScope) -> list[tuple[str, str]]:
    """Severity and subject of every notice on bridges, the oldest first; each for the administrators."""
    async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
        rows = await transaction.fetch(
            "select n.severity, n.subject, r.code from notifications n left join roles r on r.id = n.role_id "
            "where n.subject like 'Bridge %' order by n.created_at"
        )
    assert {row["code"] for row in rows} <= {"admin"}
    return [(row["severity"], row["subject"]) for row in rows]


async def test_down_and_up_are_told_once_with_the_downtime_however_many_gateways_look(
    tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    scope, bridge = await two_bridges(tenancy, "fleet-told"), "fleet-told-press-bridge"
    gateways = [Fleet(tenancy.platform, GatewaySettings()) for _ in range(5)]
    await tenancy.bridge_seen(scope, bridge, "i1")
    assert (scope.id, bridge) not in await tenancy.fleet.silent()
    assert not await tenancy.fleet.take_down(scope, bridge)
    await age(tenancy, scope, bridge, 3 * 3600 + 12 * 60 + 7)
    assert (scope.id, bridge) in await tenancy.fleet.silent()
    took = await asyncio.gather(*(one.take_down(scope, bridge) for one in gateways))
    assert sorted(took) == [False] * 4 + [True]
    assert (scope.id, bridge) not in await Fleet(tenancy.platform, GatewaySettings()).silent()
    [_, press] = await tenancy.fleet.bridges(scope)
    assert (press.state, press.down_since == press.last_seen) == ("down", True)
    await asyncio.gather(*(one.seen(scope, bridge, "i1") for one in gateways))
    [_, press] = await tenancy.fleet.bridges(scope)
    assert (press.state, press.down_since) == ("up", None)
    assert await told(tenancy, scope) == [
        ("warning", f"Bridge {bridge} is down"),
        ("info", f"Bridge {bridge} is back after 3 h 12 min"),
    ]
    said = "".join(capsys.readouterr())
    assert (said.count('"bridge_down"'), said.count('"bridge_up"')) == (1, 1)
    assert '"down_s": 11527' in said


async def test_bridges_that_never_came_and_those_of_suspended_tenants_are_not_down(tenancy: Tenancy) -> None:
    scope, bridge = await two_bridges(tenancy, "fleet-quiet"), "fleet-quiet-oven-bridge"
    assert [one.state for one in await tenancy.fleet.bridges(scope)] == ["never", "never"]
    await age(tenancy, scope, bridge, 900)
    assert [one for one in await tenancy.fleet.silent() if one[0] == scope.id] == [(scope.id, bridge)]
    await tenancy.suspend(scope, actor=Actor.command("test"))
    assert [one for one in await tenancy.fleet.silent() if one[0] == scope.id] == []


async def test_heartbeats_are_the_state_and_the_history_for_so_many_days(tenancy: Tenancy) -> None:
    scope, bridge = await two_bridges(tenancy, "fleet-beats"), "fleet-beats-press-bridge"
    await tenancy.fleet.introduce(scope, bridge, "1.2.3", DEVICES)
    await tenancy.fleet.beat(scope, bridge, "i1", HEALTH, 0.2)
    async with tenancy.platform.transaction(scope.id) as transaction:
        await transaction.execute(
            "insert into bridge_health select tenant_id, bridge_id, now() - interval '31 days', version, devices, "
            "devices_connected, 1, 1, 1, 1, 1, 1, 1 from bridge_health"
        )
    assert len(await tenancy.fleet.history(scope, bridge, LONG_AGO)) == 2
    await tenancy.fleet.beat(scope, bridge, "i2", HEALTH, -3600.0)
    newest, older = await tenancy.fleet.history(scope, bridge, LONG_AGO)
    assert (newest.clock_offset_s, older.clock_offset_s, older.outbox_rows) == (-3600.0, 0.2, 1_500)
    assert (newest.devices, newest.devices_connected, newest.outbox_oldest_s) == (2, 1, 12.5)
    _, press = await tenancy.fleet.bridges(scope)
    assert (press.health, press.devices, press.version, press.incarnation) == (HEALTH, DEVICES, "1.2.3", "i2")
    assert (press.state, press.clock_is_off) == ("up", True)
    other = await tenancy.create("fleet-other", "Other", actor=Actor.command("test"))
    assert await tenancy.fleet.bridges(other) == []
    assert await tenancy.fleet.history(other, bridge, LONG_AGO) == []
    async with tenancy.platform.transaction(scope.id) as transaction:
        await transaction.execute('update bridges set health = \'{"shape": "of another version"}\'')
    assert [one.health for one in await tenancy.fleet.bridges(scope)] == [None, None]


async def test_the_operator_lists_inspects_and_learns_that_one_is_down(tenancy: Tenancy, prepared, capsys) -> None:
    scope, bridge = await two_bridges(tenancy, "fleet-shown"), "fleet-shown-press-bridge"
    await tenancy.fleet.introduce(scope, bridge, "1.2.3", DEVICES)
    await tenancy.fleet.beat(scope, bridge, "i1", HEALTH, 3600.0)

    async def said(code: int, *words: str) -> str:
        capsys.readouterr()
        command = ["bridges", *words, "--tenant", "fleet-shown", "--run", str(prepared.run.path)]
        assert await asyncio.to_thread(main, command) == code
        return capsys.readouterr().out

    listed = await said(0, "list")
    assert [line.split()[1:4] for line in listed.splitlines()[1:]] == [
        ["fleet-shown-oven-bridge", "fleet-shown-oven", "never"],
        [bridge, "fleet-shown-press", "up"],
    ]
    for word in ("1 of 2", "1,500 rows, 2.5 MB", "12 s", "7.0 GB", "3.2 %", "120 MB", "+3600.0 s, WRONG"):
        assert word in await said(0, "health")
    shown = await said(0, "inspect", bridge)
    for word in ("press-1", "2 machines, 6 signals", "away: device is away", "connected since 2020", "1.0.0 4f3a"):
        assert (word in shown) != (word == "press-1")
    assert '"press-2"' in await said(0, "inspect", bridge, "--json")
    assert '"outbox_rows": 1500' in await said(0, "list", "--json")
    assert await said(1, "inspect", "other") == ""
    await age(tenancy, scope, bridge, 301)
    assert '"state": "down"' in await said(1, "health", "--json")


def test_times_are_said_as_people_say_them() -> None:
    times = {0: "0 s", 59.9: "59 s", 60: "1 min", 3_661: "1 h 1 min", 90_000: "1 d 1 h", 86_405: "1 d 5 s", -3: "0 s"}
    assert {seconds: spoken(timedelta(seconds=seconds)) for seconds in times} == times
