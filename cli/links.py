"""`platform identity invite | reset`: links good for one use, for whoever runs the installation to hand on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.administering import Accounts, EmailArgument, RunOption, SlugArgument, accounts_of, time_of
from core.errors import InputError


def invite(
    slug: SlugArgument,
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="Whom; or --csv for many.")] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="Role they join with, by code; may be given again.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Their name, which they may change when they accept.")] = "",
    table: Annotated[
        Path | None,
        typer.Option("--csv", exists=True, dir_okay=False, help="Many: a table with the columns email, name, roles."),
    ] = None,
    run: RunOption = None,
) -> None:
    """Print links that make whoever holds them a member, once; an older link of the same address stops working."""
    if (email is None) == (table is None) or (table is not None and (role or name)):
        raise InputError("one address or one table", expected="EMAIL --role ROLE, or --csv FILE")

    async def work() -> int:
        async with accounts_of(run, slug, "identity invite") as accounts:
            if table is not None:
                return await _invite_many(accounts, _text_of(table))
            link = await accounts.service.invitations.invite(
                accounts.scope, email or "", name, role or [], by=accounts.by
            )
            typer.echo(link.address(accounts.public_url))
            return 0

    if refused := asyncio.run(work()):
        typer.echo(f"lines refused: {refused}; the others are invited", err=True)
        raise typer.Exit(1)


async def _invite_many(accounts: Accounts, text: str) -> int:
    """Print each link as it is made and each line that was refused; the number of these."""
    from core.identity.bulk import invite_all, read_lines

    refused = 0
    async for one in invite_all(accounts.service.invitations, accounts.scope, read_lines(text), by=accounts.by):
        if one.link is None:
            refused += 1
            typer.echo(f"line {one.line}: {one.problem}", err=True)
        else:
            typer.echo(f"{one.email}  {one.link.address(accounts.public_url)}")
    return refused


def _text_of(table: Path) -> str:
    try:
        return table.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError("the table is not text", expected="UTF-8", where=str(table)) from error


def reset(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """Print a link by which a member sets a new password, once; it ends their sessions in every tenant."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity reset") as accounts:
            person = await accounts.member(email)
            link = await accounts.service.credentials.reset_link(accounts.scope, person.id, by=accounts.by)
            typer.echo(link.address(accounts.public_url))
            typer.echo(f"good until {time_of(link.expires_at)} UTC", err=True)

    asyncio.run(work())
