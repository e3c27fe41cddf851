"""`platform bridges packages`: sign pipelines and edge rules, send them to a tenant's bridges, take them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.session import tenancy_of
from cli.table import print_table
from core.errors import InputError

if TYPE_CHECKING:
    from core.audit import Actor
    from core.bridge_calls.packages import BridgePackages
    from core.bridge_calls.routing import Place
    from core.db import TenantScope

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")]
SiteOption = Annotated[str | None, typer.Option("--site", help="Which of its sites; needed if it has several.")]


@app.command()
def key(tenant: TenantOption, run: RunOption = None) -> None:
    """Print the public key that the tenant's bridges are to trust; it is made when it is first asked for."""

    async def work() -> None:
        async with _opened(run, tenant, "key") as (packages, scope, actor):
            _say_key(await packages.public_key(scope, actor))

    asyncio.run(work())


@app.command()
def rotate(
    tenant: TenantOption,
    lost: Annotated[bool, typer.Option("--lost", help="The key before is gone: every site has to be told.")] = False,
    run: RunOption = None,
) -> None:
    """Sign with a new key from now on; bridges follow when they connect, because the key before vouches for it."""

    async def work() -> None:
        async with _opened(run, tenant, "rotate") as (packages, scope, actor):
            _say_key(await packages.rotate(scope, actor, lost=lost))
        if lost:
            typer.echo("at every site: platform bridge packages trust KEY --home HOME", err=True)

    asyncio.run(work())


def _say_key(pem: bytes) -> None:
    """The key for a file, its fingerprint for people."""
    from core.contracts.package_key import fingerprint

    typer.echo(pem.decode(), nl=False)
    typer.echo(fingerprint(pem), err=True)


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="Folder with etl/*.yaml, rules/*.yaml, models/*.json.")],
    name: Annotated[str, typer.Option(help="Name of the package.")],
    version: Annotated[str, typer.Option(help="Its version, for example 1.2.0; every change needs a newer one.")],
    tenant: TenantOption,
    out: Annotated[Path, typer.Option(help="File to write.")],
    bridge: Annotated[str, typer.Option(help="Oldest version of a bridge that can use it.")] = "0.0.0",
    for_site: Annotated[list[str] | None, typer.Option(help="Site it is for, may be repeated; all if none.")] = None,
    for_bridge: Annotated[list[str] | None, typer.Option(help="Bridge it is for; the same.")] = None,
    run: RunOption = None,
) -> None:
    """Pack a folder of definitions and sign it for one tenant."""
    from core.contracts.package import Audience

    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*"))}
    if not files:
        raise InputError("nothing to pack", expected="etl/*.yaml, rules/*.yaml or models/*.json", where=str(folder))

    audience = Audience(bridge, tuple(for_site or ()), tuple(for_bridge or ()))

    async def work() -> None:
        async with _opened(run, tenant, "sign") as (packages, scope, actor):
            packed = await packages.sign(scope, actor, name, version, files, audience)
        out.write_bytes(packed)
        typer.echo(f"{out}: {name} {version} for {tenant}, {len(files)} files, {len(packed):,} bytes")

    asyncio.run(work())


@app.command()
def push(
    package: Annotated[Path, typer.Argument(help="Signed package.")],
    tenant: TenantOption,
    site: SiteOption = None,
    run: RunOption = None,
) -> None:
    """Install a package on a bridge that is connected; a bridge on which it does not load stays as it is."""
    packed = _read(package)

    async def work() -> None:
        async with _opened(run, tenant, "push") as (packages, scope, actor):
            place = await packages.place(scope, site)
            typer.echo(f"{await packages.push(scope, actor, place, packed)} is in use on {place.bridge_id}")

    asyncio.run(work())


@app.command("list")
def list_(tenant: TenantOption, site: SiteOption = None, run: RunOption = None) -> None:
    """Show a bridge's packages, what happened to them, and the key it trusts."""

    async def work() -> tuple[Place, dict[str, Any]]:
        async with _opened(run, tenant, "list") as (packages, scope, actor):
            place = await packages.place(scope, site)
            return place, await packages.list(scope, actor, place)

    place, found = asyncio.run(work())
    typer.echo(f"trusted key {found['trusted'] or 'none yet'}\n")
    rows = [(one["name"], one["version"] or "none", ", ".join(one["versions"])) for one in found["packages"]]
    print_table([(place.bridge_id, "in use", "kept"), *rows])
    typer.echo()
    changes = [
        (str(datetime.fromtimestamp(one["at"] / 1e6, UTC))[:19], one["name"], one["version"], one["action"],
         one["asked_by"], one["note"])
        for one in found["history"]
    ]  # fmt: skip
    print_table([("at", "package", "version", "what", "by", "note"), *changes])


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="Package.")],
    tenant: TenantOption,
    site: SiteOption = None,
    run: RunOption = None,
) -> None:
    """Have a bridge use the version before the one in use; without one, none."""

    async def work() -> None:
        async with _opened(run, tenant, "rollback") as (packages, scope, actor):
            place = await packages.place(scope, site)
            version = await packages.rollback(scope, actor, place, name)
        told = f"{name} {version} is in use" if version else f"no version of {name} is in use"
        typer.echo(f"{told} on {place.bridge_id}")

    asyncio.run(work())


def _read(package: Path) -> bytes:
    """No more of a file than can be a package; one that is longer is refused by its size."""
    from core.contracts.package import MOST_BYTES

    try:
        with package.open("rb") as source:
            return source.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError("package cannot be read", received=error.strerror, where=str(package)) from error


@asynccontextmanager
async def _opened(
    path: Path | None, tenant: str, command: str
) -> AsyncGenerator[tuple[BridgePackages, TenantScope, Actor]]:
    from cli.vault import vault_of
    from core.audit import Actor
    from core.bridge_calls import BridgeCalls
    from core.bridge_calls.packages import BridgePackages

    async with tenancy_of(path) as tenancy, BridgeCalls(tenancy.platform) as calls:
        packages = BridgePackages(tenancy.platform, vault_of(tenancy, path), tenancy.audit, calls)
        yield packages, await tenancy.get(tenant), Actor.command(f"bridges packages {command}")
