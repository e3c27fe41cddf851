"""`platform modules list | subscribe | unsubscribe | history | migrate | settings`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import module_settings
from cli.session import tenancy_of
from cli.table import print_table
from cli.upkeep import migrate
from core.settings import load_settings

if TYPE_CHECKING:
    from core.audit import Actor
    from core.db import TenantScope
    from core.run.folder import RunFolder
    from core.settings import Settings
    from core.subscriptions import Subscriptions
    from core.tenancy import Tenancy
    from core.tenancy.creation import Furnish

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command()(migrate)
app.add_typer(module_settings.app, name="settings", help="What a tenant chose of a module's settings.")

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Which tenant.")]
ModuleArgument = Annotated[str, typer.Argument(help="Code of the module, for example SCADA_MONITOR.")]


@app.command(name="list")
def list_(
    tenant: Annotated[str | None, typer.Option("--tenant", help="What this tenant has.")] = None, run: RunOption = None
) -> None:
    """Every installed module; with a tenant, which of them it has."""

    async def work() -> None:
        from core.sdk.loader import builtin_manifests

        states: dict[str, str] = {}
        if tenant is not None:
            async with _opened(run, "list") as (tenancy, subscriptions):
                for one in await subscriptions.all(await tenancy.get(tenant)):
                    states[one.module_code] = f"{one.state} since {one.changed_at:%Y-%m-%d}"
        print_table(
            [
                (
                    one.module_code,
                    one.module_version,
                    f"{len(one.ai.tools) if one.ai else 0} tools",
                    *((states.get(one.module_code, "not subscribed"),) if tenant is not None else ()),
                    one.module_name,
                )
                for one in builtin_manifests()
            ]
        )

    asyncio.run(work())


@app.command()
def subscribe(module: ModuleArgument, tenant: TenantOption, run: RunOption = None) -> None:
    """Give a tenant a module; goes on where an interrupted subscription stopped."""

    async def work() -> None:
        from core.audit import Actor

        async with _opened(run, "subscribe") as (tenancy, subscriptions):
            scope = await tenancy.get(tenant)
            new = await subscriptions.subscribe(scope, module, actor=Actor.command("modules subscribe"))
        typer.echo(f"{tenant} has {module}" + ("" if new else " already"))

    asyncio.run(work())


@app.command()
def unsubscribe(module: ModuleArgument, tenant: TenantOption, run: RunOption = None) -> None:
    """Take a module away from a tenant; its data is put aside, never deleted."""

    async def work() -> None:
        from core.audit import Actor

        async with _opened(run, "unsubscribe") as (tenancy, subscriptions):
            scope = await tenancy.get(tenant)
            had = await subscriptions.unsubscribe(scope, module, actor=Actor.command("modules unsubscribe"))
        typer.echo(f"{module} is put aside" if had else f"{tenant} does not have {module}")

    asyncio.run(work())


@app.command()
def history(
    tenant: TenantOption,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest lines to show.")] = 50,
    run: RunOption = None,
) -> None:
    """What a tenant subscribed to and left, when and through whom."""

    async def work() -> None:
        async with _opened(run, "history") as (tenancy, subscriptions):
            lines = await subscriptions.history(await tenancy.get(tenant), limit)
        print_table(
            [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.module_code, one.event, one.version or "", one.actor) for one in lines]
            or [("nothing yet",)]
        )

    asyncio.run(work())


@asynccontextmanager
async def _opened(path: Path | None, command: str) -> AsyncGenerator[tuple[Tenancy, Subscriptions]]:
    from core.audit import Actor
    from core.run.folder import RunFolder

    settings = load_settings()
    async with tenancy_of(path) as tenancy:
        run = RunFolder.find(path, settings)
        yield tenancy, await open_subscriptions(tenancy, run, settings, actor=Actor.command(f"modules {command}"))


async def open_subscriptions(tenancy: Tenancy, run: RunFolder, settings: Settings, *, actor: Actor) -> Subscriptions:
    """Subscriptions over the modules that come with the product, which the catalogue knows afterwards."""
    from core.identity import IdentityService
    from core.sdk.loader import builtin_manifests
    from core.subscriptions import ModuleRegistry, Subscriptions

    manifests = builtin_manifests()
    await ModuleRegistry(tenancy).sync(manifests, actor=actor)
    return Subscriptions(tenancy, IdentityService(tenancy, run, settings), manifests)


async def open_furnishing(tenancy: Tenancy, run: RunFolder, settings: Settings, *, actor: Actor) -> Furnish:
    """What `Tenancy.create` furnishes a tenant with: every module that comes with the product, until it chose."""
    subscriptions = await open_subscriptions(tenancy, run, settings, actor=actor)

    async def furnish(scope: TenantScope) -> None:
        await subscriptions.start(scope, actor=actor)

    return furnish
