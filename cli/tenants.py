"""`platform tenants create | list | inspect`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.session import tenancy_of
from cli.table import print_table

app = typer.Typer(add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]


@app.command()
def create(
    slug: Annotated[str, typer.Option(help="Short name: a-z, 0-9 and -, a letter first.")],
    name: Annotated[str, typer.Option(help="Name as people read it.")],
    run: RunOption = None,
) -> None:
    """Make a tenant with a database of its own; finishes one that was begun."""

    async def work() -> None:
        from core.audit import Actor

        async with tenancy_of(run, create=True) as tenancy:
            scope = await tenancy.create(slug, name, actor=Actor.command("tenants create"))
            typer.echo(f"tenant {scope.slug} is ready: {scope.name}")

    asyncio.run(work())


@app.command(name="list")
def list_(run: RunOption = None) -> None:
    """Every tenant with its state and number of sites."""

    async def work() -> None:
        async with tenancy_of(run) as tenancy:
            rows = [
                (scope.slug, await tenancy.status(scope), f"{len(await tenancy.sites(scope))} sites", scope.name)
                for scope in await tenancy.list()
            ]
        print_table(rows or [("no tenants yet",)])

    asyncio.run(work())


@app.command()
def inspect(slug: Annotated[str, typer.Argument(help="Which tenant.")], run: RunOption = None) -> None:
    """One tenant: its sites, contracts and bridges, and whether its audit chain holds; exit code 1 if it does not."""

    async def work() -> bool:
        from core.tenancy.provision import database_of

        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            rows = [("tenant", scope.name), ("id", str(scope.id)), ("state", await tenancy.status(scope))]
            rows.append(("database", database_of(scope)))
            for one in await tenancy.sites(scope):
                contract = f"contract {one.contract.version} ({one.contract.sha256[:12]})"
                rows.append((f"site {one.site.site}", f"{len(one.site.units())} machines, {contract}"))
            for bridge in await tenancy.bridges(scope):
                seen = bridge.last_seen.isoformat(timespec="seconds") if bridge.last_seen else "never"
                rows.append((f"bridge {bridge.bridge_id}", f"last seen {seen}"))
            chain = await tenancy.audit.verify(scope)
            said = "intact" if chain.ok else f"BROKEN at record {chain.broken_at}: {chain.reason}"
            rows.append(("audit", f"{chain.records} records, {said}"))
        print_table(rows)
        return chain.ok

    if not asyncio.run(work()):
        raise typer.Exit(1)
