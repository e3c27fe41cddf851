"""`platform identity keys create | list | revoke`: what programs sign in with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from cli.administering import RunOption, SlugArgument, accounts_of, time_of
from cli.table import print_table

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command()
def create(
    slug: SlugArgument,
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Who acts with it; made with its first key.")],
    purpose: Annotated[str, typer.Option(help="What it is for.")],
    role: Annotated[list[str], typer.Option(help="Role of the principal, by code; repeat.")],
    permission: Annotated[list[str] | None, typer.Option(help="Only this of those roles' permissions; repeat.")] = None,
    per_minute: Annotated[
        int | None, typer.Option(help="Requests a minute; the settings' figure if not given.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days it works; without end if not given.")] = None,
    run: RunOption = None,
) -> None:
    """Make a key and print it, this once: `Authorization: Bearer KEY`."""

    async def work() -> None:
        expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
        async with accounts_of(run, slug, "identity keys create") as accounts:
            made = await accounts.service.api_keys.create(
                accounts.scope,
                principal,
                purpose,
                role,
                limited_to=permission or None,
                per_minute=per_minute,
                expires_at=expires_at,
                by=accounts.by,
            )
        typer.echo(f"key {made.id} of {principal}; it is shown this once:", err=True)
        typer.echo(made.key)

    asyncio.run(work())


@app.command(name="list")
def list_(slug: SlugArgument, run: RunOption = None) -> None:
    """Every key of a tenant, also those that have ended."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity keys list") as accounts:
            keys = await accounts.service.api_keys.all(accounts.scope)
        rows = [
            (
                str(one.id),
                one.principal,
                one.purpose,
                "revoked" if one.revoked_at else f"until {time_of(one.expires_at)}",
                ", ".join(one.roles if one.limited_to is None else one.limited_to),
                f"{one.per_minute} a minute",
                f"used {time_of(one.last_used_at)}",
            )
            for one in keys
        ]
        print_table(rows or [("no keys yet",)])

    asyncio.run(work())


@app.command()
def revoke(
    slug: SlugArgument,
    key: Annotated[UUID, typer.Argument(metavar="KEY-ID", help="Id of the key, as listed.")],
    run: RunOption = None,
) -> None:
    """End a key for good; it stops working within seconds."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity keys revoke") as accounts:
            await accounts.service.api_keys.revoke(accounts.scope, key, by=accounts.by)
        typer.echo(f"key {key} is revoked")

    asyncio.run(work())
