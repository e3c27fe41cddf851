"""`platform identity roles list | create | set | delete`: what roles of a tenant allow."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.administering import RunOption, SlugArgument, accounts_of
from cli.table import print_table

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

CodeArgument = Annotated[str, typer.Argument(metavar="ROLE", help="Code of the role.")]
PermissionArgument = Annotated[list[str] | None, typer.Argument(metavar="[PERMISSION]...", help="All it allows.")]


@app.command(name="list")
def list_(slug: SlugArgument, run: RunOption = None) -> None:
    """Roles, templates first, with what they allow."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity roles list") as accounts:
            roles = await accounts.service.roles.all(accounts.scope)
        kinds = {True: "template", False: "own"}
        print_table(
            [
                (one.code, one.name, kinds[one.built_in], f"{one.members} people", ", ".join(one.permissions))
                for one in roles
            ]
        )

    asyncio.run(work())


@app.command()
def create(
    slug: SlugArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As people read it; its code is made from it.")],
    permissions: PermissionArgument = None,
    run: RunOption = None,
) -> None:
    """Make a role of the tenant's own."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity roles create") as accounts:
            code = await accounts.service.roles.create(accounts.scope, name, permissions or [], by=accounts.by)
        typer.echo(f"role {code} is there")

    asyncio.run(work())


@app.command(name="set")
def set_(slug: SlugArgument, role: CodeArgument, permissions: PermissionArgument = None, run: RunOption = None) -> None:
    """Let a role allow exactly these permissions; whoever has it follows within seconds."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity roles set") as accounts:
            await accounts.service.roles.set_permissions(accounts.scope, role, permissions or [], by=accounts.by)
        typer.echo(f"role {role} allows {', '.join(sorted(permissions or [])) or 'nothing'}")

    asyncio.run(work())


@app.command()
def delete(slug: SlugArgument, role: CodeArgument, run: RunOption = None) -> None:
    """Remove a role of the tenant's own that nobody has."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity roles delete") as accounts:
            await accounts.service.roles.delete(accounts.scope, role, by=accounts.by)
        typer.echo(f"role {role} is gone")

    asyncio.run(work())
