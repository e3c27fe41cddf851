"""`platform vault put | list | purge | rotate | access`: tenants' secrets; a value goes in and never comes out here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import asked
from cli.session import tenancy_of
from cli.table import print_table
from core.errors import InputError
from core.settings import load_settings

if TYPE_CHECKING:
    from core.tenancy import Tenancy
    from core.vault.tenant import TenantVault
    from core.vault.vault import Vault

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose secrets.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the secret, for example `erp/password`.")]


@app.command()
def put(name: NameArgument, tenant: TenantOption, run: RunOption = None) -> None:
    """Keep a value, read from standard input or asked for; it is never an argument and never printed."""
    value = asked(name)

    async def work() -> None:
        async with _opened(run, tenant, "put") as vault:
            version = await vault.put(name, value, purpose="set by command")
        typer.echo(f"{name} is kept, version {version}")

    asyncio.run(work())


@app.command(name="list")
def list_(tenant: TenantOption, run: RunOption = None) -> None:
    """Names, versions and who set them; no values."""

    async def work() -> None:
        async with _opened(run, tenant, "list") as vault:
            kept = await vault.list()
        rows = [
            (one.name, f"version {one.version}", f"{one.versions} readable", _time(one.created_at), one.created_by)
            for one in kept
        ]
        print_table(rows or [("no secrets yet",)])

    asyncio.run(work())


@app.command()
def purge(
    name: NameArgument,
    tenant: TenantOption,
    keep: Annotated[int, typer.Option(min=0, help="Newest versions to spare; 0 ends the secret.")] = 1,
    run: RunOption = None,
) -> None:
    """Destroy old versions of a value."""

    async def work() -> None:
        async with _opened(run, tenant, "purge") as vault:
            gone = await vault.purge(name, purpose="purged by command", keep=keep)
        typer.echo(f"{gone} versions of {name} are destroyed")

    asyncio.run(work())


@app.command()
def rotate(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Seal this tenant's values under a new key.")] = None,
    master: Annotated[bool, typer.Option("--master", help="Wrap every tenant's key under a new master key.")] = False,
    run: RunOption = None,
) -> None:
    """Replace a tenant's data key, or the master key of the installation."""
    if master == (tenant is not None):
        raise InputError("name one key to rotate", expected="--tenant SLUG or --master")

    async def work() -> None:
        if tenant is not None:
            async with _opened(run, tenant, "rotate") as vault:
                sealed = await vault.rotate_key(purpose="rotated by command")
            typer.echo(f"{sealed} values of {tenant} are sealed under a new key")
            return
        from core.audit import Actor

        async with tenancy_of(run) as tenancy:
            wrapped = await vault_of(tenancy, run).rotate_master(tenancy.list, Actor.command("vault rotate"))
        typer.echo(f"{wrapped} data keys are wrapped under a new master key")

    asyncio.run(work())


@app.command()
def access(
    tenant: TenantOption,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest accesses to show.")] = 50,
    run: RunOption = None,
) -> None:
    """Who touched which secret, when, what for and with what outcome."""

    async def work() -> None:
        async with _opened(run, tenant, "access") as vault:
            accesses = await vault.accesses(limit)
        rows = [
            (
                _time(one.at),
                one.action,
                one.name if one.version is None else f"{one.name}@{one.version}",
                one.outcome,
                one.actor,
                one.purpose or "",
            )
            for one in accesses
        ]
        print_table(rows or [("no accesses yet",)])

    asyncio.run(work())


@asynccontextmanager
async def _opened(path: Path | None, tenant: str, command: str) -> AsyncGenerator[TenantVault]:
    from core.audit import Actor

    async with tenancy_of(path) as tenancy:
        yield vault_of(tenancy, path).of(await tenancy.get(tenant), Actor.command(f"vault {command}"))


def vault_of(tenancy: Tenancy, path: Path | None) -> Vault:
    """The vault of an installation."""
    from core.run.folder import RunFolder
    from core.vault.vault import Vault

    settings = load_settings()
    return Vault.over(tenancy.platform, RunFolder.find(path, settings), settings, tenancy.audit)


def _time(at: object) -> str:
    return str(at)[:19]
