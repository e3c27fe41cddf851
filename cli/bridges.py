"""`platform bridges list | inspect | health | ask`: the fleet as the platform sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli.bridges_ask import ask
from cli.session import tenancy_of
from cli.table import print_table
from cli.tenant_packages import app as packages
from core.errors import NotFoundError

if TYPE_CHECKING:
    from core.db import TenantScope
    from core.tenancy import Tenancy
    from core.tenancy.fleet import BridgeState, HealthLine

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command()(ask)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Slug of one tenant; all if not given.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document.")]
app.add_typer(packages, name="packages", help="Signed pipelines and rules, sent to bridges and taken back.")


@app.command(name="list")
def list_(tenant: TenantOption = None, as_json: JsonOption = False, run: RunOption = None) -> None:
    """Every bridge: where it is, whether it is there, what it reads."""
    found = _fleet(run, tenant)
    if as_json:
        _print_json([_told(slug, one) for slug, one in found])
    else:
        head = ("tenant", "bridge", "site", "state", "last heard of", "version", "devices", "machines")
        print_table([head, *(_listed(slug, one) for slug, one in found)])


@app.command()
def health(tenant: TenantOption = None, as_json: JsonOption = False, run: RunOption = None) -> None:
    """How every bridge is; exit code 1 if one is down."""
    found = _fleet(run, tenant)
    if as_json:
        _print_json([_told(slug, one) for slug, one in found])
    else:
        head = ("tenant", "bridge", "state", "devices", "outbox", "oldest", "disk free", "CPU", "memory", "clock")
        print_table([head, *(_measured(slug, one) for slug, one in found)])
    if any(one.state == "down" for _, one in found):
        raise typer.Exit(1)


@app.command()
def inspect(
    bridge: Annotated[str, typer.Argument(help="Name of the bridge.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Slug of its tenant.")],
    hours: Annotated[float, typer.Option(min=0.1, help="How far its history goes back.")] = 1.0,
    as_json: JsonOption = False,
    run: RunOption = None,
) -> None:
    """One bridge: its machines, the state of each device, and its past."""

    async def work(tenancy: Tenancy) -> tuple[BridgeState, list[HealthLine]]:
        scope = await tenancy.get(tenant)
        known = {one.bridge_id: one for one in await tenancy.fleet.bridges(scope)}
        if bridge not in known:
            raise NotFoundError("no such bridge", received=bridge, next_step=f"platform bridges list --tenant {tenant}")
        since = datetime.now(UTC) - timedelta(hours=hours)
        return known[bridge], await tenancy.fleet.history(scope, bridge, since)

    one, past = _asked(run, work)
    if as_json:
        _print_json(_told(tenant, one) | {"history": [_plain(asdict(line)) for line in past]})
    else:
        _say(one, past)


def _say(one: BridgeState, past: list[HealthLine]) -> None:
    facts = [("bridge", one.bridge_id), ("site", one.site), ("state", one.state), ("last heard of", _at(one.last_seen))]
    if one.health is not None:
        running = _at(one.health.started_at)
        facts += [("version", one.health.version), ("running since", running), ("contract", one.health.contract)]
    facts += [("incarnation", one.incarnation or "-"), ("clock", _clock(one.clock_offset_s))]
    facts += [("reads", f"{d.endpoint or '-'}  {len(d.equipment)} machines, {d.signals} signals") for d in one.devices]
    for driver in one.health.drivers if one.health is not None else ():
        since = f"connected since {_at(driver.connected_since)}" if driver.connected_since else "away"
        there = since + (f": {driver.error}" if driver.error else "")
        facts.append(("device", f"{driver.endpoint or '-'}  {there}, last reading {_at(driver.last_reading)}"))
    print_table(facts)
    if past:
        typer.echo()
        head = ("at", "devices", "outbox rows", "disk free", "CPU", "memory", "clock")
        print_table([head, *(_past(line) for line in past)])


def _listed(slug: str, one: BridgeState) -> tuple[str, ...]:
    machines = sum(len(device.equipment) for device in one.devices)
    known = (_at(one.last_seen), one.version or "-", str(len(one.devices)), str(machines))
    return (slug, one.bridge_id, one.site, one.state, *known)


def _measured(slug: str, one: BridgeState) -> tuple[str, ...]:
    now, head = one.health, (slug, one.bridge_id, one.state)
    if now is None:
        return (*head, *("-" for _ in range(7)))
    waits = f"{now.outbox_rows:,} rows, {now.outbox_bytes / 1e6:,.1f} MB"
    oldest = "-" if now.outbox_oldest_s is None else f"{now.outbox_oldest_s:,.0f} s"
    disk, memory = f"{now.disk_free_bytes / 1e9:,.1f} GB", f"{now.memory_bytes / 1e6:,.0f} MB"
    devices = f"{now.connected} of {len(now.drivers)}"
    return (*head, devices, waits, oldest, disk, f"{now.cpu_percent:.1f} %", memory, _clock(one.clock_offset_s))


def _past(line: HealthLine) -> tuple[str, ...]:
    devices = f"{line.devices_connected} of {line.devices}"
    disk, memory = f"{line.disk_free_bytes / 1e9:,.1f} GB", f"{line.memory_bytes / 1e6:,.0f} MB"
    cpu = f"{line.cpu_percent:.1f} %"
    return (_at(line.at), devices, f"{line.outbox_rows:,}", disk, cpu, memory, _clock(line.clock_offset_s))


def _clock(ahead_s: float | None) -> str:
    from core.tenancy.fleet import CLOCK_OFF_S

    if ahead_s is None:
        return "-"
    return f"{ahead_s:+.1f} s" + (", WRONG" if abs(ahead_s) > CLOCK_OFF_S else "")


def _at(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _fleet(run: Path | None, tenant: str | None) -> list[tuple[str, BridgeState]]:
    """Every bridge with its tenant's slug."""

    async def work(tenancy: Tenancy) -> list[tuple[str, BridgeState]]:
        scopes: list[TenantScope] = await tenancy.list() if tenant is None else [await tenancy.get(tenant)]
        return [(scope.slug, one) for scope in scopes for one in await tenancy.fleet.bridges(scope)]

    return _asked(run, work)


def _asked(run: Path | None, work: Callable[[Tenancy], Awaitable[T]]) -> T:
    async def within() -> T:
        async with tenancy_of(run) as tenancy:
            return await work(tenancy)

    return asyncio.run(within())


def _told(slug: str, one: BridgeState) -> dict[str, Any]:
    facts = {name: getattr(one, name) for name in type(one).__slots__ if name not in ("devices", "health")}
    devices = [device.model_dump(mode="json") for device in one.devices]
    now = None if one.health is None else one.health.model_dump(mode="json")
    state = {"tenant": slug, "state": one.state, "clock_is_off": one.clock_is_off}
    return _plain(state | facts | {"devices": devices, "health": now})


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=1))
