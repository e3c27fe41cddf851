"""`platform tenants create | list | inspect | datastore | suspend | resume | domains | consent | maintain`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli import moving
from cli.consents import consent
from cli.session import tenancy_of
from cli.table import print_table
from cli.upkeep import maintain
from core.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command()(moving.export)
app.command(name="import")(moving.import_)
app.command()(moving.remove)
app.command()(maintain)
app.command()(consent)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
SlugArgument = Annotated[str, typer.Argument(help="Which tenant.")]


class DomainAction(StrEnum):
    """What to do with a domain."""

    ADD = "add"
    REMOVE = "remove"
    LIST = "list"


@app.command()
def create(
    slug: Annotated[str, typer.Option(help="Short name: a-z, 0-9 and -, a letter first.")],
    name: Annotated[str, typer.Option(help="Name as people read it.")],
    server: Annotated[
        str | None, typer.Option(help="Server for its database; the one with the fewest tenants if not given.")
    ] = None,
    run: RunOption = None,
) -> None:
    """Make a tenant with a database of its own; finishes one that was begun."""

    async def work() -> None:
        from cli.modules import open_furnishing
        from core.audit import Actor
        from core.run.folder import RunFolder
        from core.settings import load_settings

        actor = Actor.command("tenants create")
        async with tenancy_of(run, create=True) as tenancy:
            settings = load_settings()
            furnish = await open_furnishing(tenancy, RunFolder.find(run, settings), settings, actor=actor)
            scope = await tenancy.create(slug, name, actor=actor, server=server, furnish=furnish)
            typer.echo(f"tenant {scope.slug} is ready: {scope.name}")

    asyncio.run(work())


@app.command(name="list")
def list_(run: RunOption = None) -> None:
    """Every tenant with its state and number of sites, also those that are half made or half removed."""

    async def work() -> None:
        from core.audit import Actor

        async with tenancy_of(run) as tenancy:
            tenants = await tenancy.overview(actor=Actor.command("tenants list"))
        print_table(
            [(one.slug, one.status, f"{one.sites} sites", one.name) for one in tenants] or [("no tenants yet",)]
        )

    asyncio.run(work())


@app.command()
def inspect(slug: SlugArgument, run: RunOption = None) -> None:
    """One tenant: its sites, contracts and bridges, and whether its audit chain holds; exit code 1 if it does not."""

    async def work() -> bool:
        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            rows = [("tenant", scope.name), ("id", str(scope.id)), ("state", await tenancy.status(scope))]
            store = await tenancy.stores.of_tenant(scope)
            rows.append(("database", f"{store.database} on {store.server}"))
            rows.append(("e-mail domains", ", ".join(await tenancy.domains.of(scope)) or "none"))
            for one in await tenancy.sites(scope):
                contract = f"contract {one.contract.version} ({one.contract.sha256[:12]})"
                rows.append((f"site {one.site.site}", f"{len(one.site.units())} machines, {contract}"))
            for bridge in await tenancy.bridges(scope):
                seen = bridge.last_seen.isoformat(timespec="seconds") if bridge.last_seen else "never"
                rows.append((f"bridge {bridge.bridge_id}", f"last seen {seen}"))
            chain = await tenancy.audit.verify(scope)
            rows.append(("audit", f"{chain.records} records, {chain}"))
        print_table(rows)
        return chain.ok

    if not asyncio.run(work()):
        raise typer.Exit(1)


@app.command()
def datastore(slug: SlugArgument, run: RunOption = None) -> None:
    """Where a tenant's database is, how large it is and what is in it."""

    async def work() -> None:
        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            store = await tenancy.stores.of_tenant(scope)
            facts = await tenancy.stores.describe(store)
        rows = [("server", store.server), ("database", store.database), ("role", store.role)]
        rows.append(("size", f"{facts.bytes / 1e6:.1f} MB"))
        rows.append(("pgvector", facts.pgvector))
        rows += [(f"schema {name}", f"{tables} tables") for name, tables in facts.schemas.items()]
        print_table(rows)

    asyncio.run(work())


@app.command()
def suspend(slug: SlugArgument, run: RunOption = None) -> None:
    """Shut a tenant out within seconds: people, tools, bridges and sink; nothing of it is lost."""
    _set_active(slug, run, active=False)


@app.command()
def resume(slug: SlugArgument, run: RunOption = None) -> None:
    """Let a suspended tenant in again; what bridges and log have kept follows by itself."""
    _set_active(slug, run, active=True)


def _set_active(slug: str, run: Path | None, *, active: bool) -> None:
    async def work() -> None:
        from core.audit import Actor

        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            if active:
                await tenancy.resume(scope, actor=Actor.command("tenants resume"))
            else:
                await tenancy.suspend(scope, actor=Actor.command("tenants suspend"))
            typer.echo(f"tenant {scope.slug} is {await tenancy.status(scope)}")

    asyncio.run(work())


@app.command()
def domains(
    slug: SlugArgument,
    action: Annotated[DomainAction, typer.Argument(help="What to do.")],
    domain: Annotated[str | None, typer.Argument(help="E-mail domain, like example.com.")] = None,
    run: RunOption = None,
) -> None:
    """E-mail domains that lead people to a tenant's sign-in."""
    if (domain is None) != (action is DomainAction.LIST):
        raise InputError(f"`domains {action}` takes {'no' if domain else 'a'} domain", received=domain)

    async def work() -> None:
        from core.audit import Actor

        actor = Actor.command(f"tenants domains {action}")
        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            if action is DomainAction.ADD and domain is not None:
                typer.echo(f"{await tenancy.domains.add(scope, domain, actor=actor)} leads to tenant {scope.slug}")
            elif action is DomainAction.REMOVE and domain is not None:
                typer.echo(f"{await tenancy.domains.remove(scope, domain, actor=actor)} leads nowhere")
            else:
                typer.echo("\n".join(await tenancy.domains.of(scope)) or f"no domain leads to tenant {scope.slug}")

    asyncio.run(work())
