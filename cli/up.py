"""`platform up`: the whole installation on real sites, under one supervisor."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.modules import open_furnishing
from cli.parts import BridgeFiles, installation_parts
from cli.session import initialise
from cli.sites import SiteOnDisk, find_sites
from core.audit import Actor
from core.db import TenantScope
from core.errors import InputError
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.run.supervisor import Supervisor
from core.settings import Settings
from core.tenancy import Tenancy
from core.tenancy.creation import Furnish

_REGISTER = Actor.command("register sites")


async def run_until_stopped(path: Path | None, folder: Path, settings: Settings) -> None:
    """Register the sites of a folder, run everything for them, and stop in order on SIGINT or SIGTERM.

    Raises:
        InputError: a site file or contract is wrong or a site has no device; nothing is running then.
        TransientError: a part does not become ready.
    """
    run = RunFolder.open(path, settings)
    found = find_sites(folder, run.path / "contracts")
    for note in found.notes:
        typer.echo(note, err=True)
    _refuse_without_device(found.sites)
    found.write_contracts()
    postgres = Postgres(run, settings)
    async with Supervisor(run, postgres) as supervisor:
        await initialise(run, postgres, settings)
        async with await Tenancy.open(run, postgres, settings) as tenancy:
            furnish = await furnishing_sites(tenancy, run, settings, actor=_REGISTER)
            bridges = [await register(tenancy, site, furnish=furnish) for site in found.sites]
        await supervisor.up(installation_parts(run, settings, bridges))
        ports = run.state().ports
        typer.echo(f"agents   http://{settings.agents.host}:{ports['agents']}")
        typer.echo(f"dagster  http://{settings.dagster.host}:{ports['dagster-webserver']}")
        typer.echo("running; Ctrl-C stops everything in order")
        await supervisor.until_stopped()


async def furnishing_sites(tenancy: Tenancy, run: RunFolder, settings: Settings, *, actor: Actor) -> Furnish:
    """What a tenant with sites is furnished with: what every tenant is, and a key for packages, which its bridges are
    handed as they first connect.
    """
    from core.bridge_calls.package_keys import PackageKeys
    from core.vault.vault import Vault

    furnish_any = await open_furnishing(tenancy, run, settings, actor=actor)
    keys = PackageKeys(tenancy.platform, Vault.over(tenancy.platform, run, settings, tenancy.audit), tenancy.audit)

    async def furnish(scope: TenantScope) -> None:
        await furnish_any(scope)
        await keys.chain(scope, actor)

    return furnish


async def register(
    tenancy: Tenancy, one: SiteOnDisk, endpoint: str | None = None, *, furnish: Furnish | None = None
) -> BridgeFiles:
    """Make a site's tenant and register the site; may be repeated. Returns what its bridge is started with."""
    name = one.site.tenant_name or one.site.tenant
    scope = await tenancy.create(one.site.tenant, name, actor=_REGISTER, furnish=furnish)
    await tenancy.register_site(scope, one.site, one.contract, actor=_REGISTER)
    key_file = await tenancy.bridge_key_file(scope, one.site.site)
    return BridgeFiles(one.site.site, one.file, one.contract_file, key_file, endpoint)


def _refuse_without_device(sites: list[SiteOnDisk]) -> None:
    for one in sites:
        if one.site.without_device():
            raise InputError(
                "the site names no device",
                expected="`endpoint: opc.tcp://…` or `endpoint: modbus://…`",
                where=str(one.file),
                next_step="add it, or replay the recording with `platform demo`",
            )
