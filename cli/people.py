"""`platform identity people list | roles | deactivate | reactivate | unlock | sessions | sign-out`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli.administering import EmailArgument, RunOption, SlugArgument, accounts_of, time_of
from cli.table import print_table

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command(name="list")
def list_(slug: SlugArgument, run: RunOption = None) -> None:
    """Members of a tenant with their roles."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity people list") as accounts:
            people = await accounts.service.people(accounts.scope)
        rows = [
            (
                one.email,
                one.name,
                "locked" if one.locked else "active" if one.active else "deactivated",
                ", ".join(one.roles),
                f"signed in {time_of(one.last_sign_in)}",
            )
            for one in people
        ]
        print_table(rows or [("nobody yet",)])

    asyncio.run(work())


@app.command()
def roles(
    slug: SlugArgument,
    email: EmailArgument,
    role: Annotated[list[str], typer.Argument(metavar="ROLE...", help="Every role they are to have, by code.")],
    run: RunOption = None,
) -> None:
    """Give a member exactly these roles; what they may do follows within seconds."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity people roles") as accounts:
            person = await accounts.member(email)
            await accounts.service.members.set_roles(accounts.scope, person.id, role, by=accounts.by)
        typer.echo(f"{email} has the roles {', '.join(sorted(set(role)))}")

    asyncio.run(work())


@app.command()
def deactivate(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """End a membership and its sessions; the person stays."""
    _set_active(slug, email, run, active=False)


@app.command()
def reactivate(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """Restore a membership."""
    _set_active(slug, email, run, active=True)


def _set_active(slug: str, email: str, run: RunOption, *, active: bool) -> None:
    word = "reactivate" if active else "deactivate"

    async def work() -> None:
        async with accounts_of(run, slug, f"identity people {word}") as accounts:
            person = await accounts.member(email)
            await accounts.service.members.set_active(accounts.scope, person.id, active, by=accounts.by)
        typer.echo(f"{email} is {word}d")

    asyncio.run(work())


@app.command()
def unlock(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """Let somebody try again whom too many wrong passwords have locked out."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity people unlock") as accounts:
            await accounts.service.members.unlock(accounts.scope, (await accounts.member(email)).id, by=accounts.by)
        typer.echo(f"{email} may sign in")

    asyncio.run(work())


@app.command()
def sessions(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """Where a member is signed in."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity people sessions") as accounts:
            found = await accounts.service.members.sessions_of(accounts.scope, (await accounts.member(email)).id)
        rows = [
            (str(one.id), one.method, one.address or "-", one.device or "-", f"used {time_of(one.last_used_at)}")
            for one in found
        ]
        print_table(rows or [("no open sessions",)])

    asyncio.run(work())


@app.command(name="sign-out")
def sign_out(slug: SlugArgument, email: EmailArgument, run: RunOption = None) -> None:
    """End every session of a member in this tenant, within seconds."""

    async def work() -> None:
        async with accounts_of(run, slug, "identity people sign-out") as accounts:
            person = await accounts.member(email)
            ended = await accounts.service.members.end_sessions(accounts.scope, person.id, by=accounts.by)
        typer.echo(f"{ended} sessions of {email} are ended")

    asyncio.run(work())
