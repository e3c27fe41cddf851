"""`platform identity providers | keys | roles | people | invite | reset | rotate-keys`: ways in."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cli import api_keys, links, people, providers, roles
from cli.administering import RunOption

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(providers.app, name="providers", help="Identity providers of a tenant: OpenID Connect and SAML 2.0.")
app.add_typer(api_keys.app, name="keys", help="API keys of a tenant's programs.")
app.add_typer(roles.app, name="roles", help="Roles of a tenant and what they allow.")
app.add_typer(people.app, name="people", help="Members of a tenant: roles, sessions, unlock, deactivate.")
app.command()(links.invite)
app.command()(links.reset)


@app.callback()
def _group() -> None:
    """Ways in: people, programs, roles and identity providers."""


@app.command()
def rotate_keys(
    drop_older: Annotated[
        bool,
        typer.Option("--drop-older", help="Tokens of every key before stop at once: everybody renews or signs in."),
    ] = False,
    run: RunOption = None,
) -> None:
    """Sign access tokens with a new key; older ones hold until their tokens have expired."""

    async def work() -> None:
        from cli.session import tenancy_of
        from core.audit import Actor
        from core.identity import IdentityService
        from core.run.folder import RunFolder
        from core.settings import load_settings

        settings = load_settings()
        async with tenancy_of(run) as tenancy:
            service = IdentityService(tenancy, RunFolder.find(run, settings), settings)
            before = [one["kid"] for one in service.keys.published()["keys"]]
            service.rotate_keys(drop_older=drop_older)
            after = [one["kid"] for one in service.keys.published()["keys"]]
            await tenancy.admin.record(
                Actor.command("identity rotate-keys"), "token_key.rotate", after[0], before, after
            )
        typer.echo(f"tokens are signed with key {after[0]}; {len(after)} keys are good")

    asyncio.run(work())
