"""`platform bridges ask`: call a tool of a tenant's bridge, as an agent's tool would."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.session import tenancy_of
from core.errors import GoldlayerError, InputError


def ask(
    tool: Annotated[str, typer.Argument(help="read_tag, snapshot, historian_query, or another one the bridge has.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Its arguments, NAME=VALUE; JSON or text.")] = None,
    site: Annotated[str | None, typer.Option(help="Which site, if the tenant has several.")] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")
    ] = None,
) -> None:
    """Ask the bridge with `equipment`, of a site, or the only one; prints its answer as JSON."""
    typer.echo(json.dumps(asyncio.run(_ask(run, tenant, site, tool, _read(arguments or []))), indent=2))


def _read(arguments: list[str]) -> dict[str, Any]:
    """Arguments as JSON where they are JSON, else as text."""
    found: dict[str, Any] = {}
    for one in arguments:
        name, equals, text = one.partition("=")
        if not equals:
            raise InputError("an argument cannot be read", expected="NAME=VALUE", received=one)
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


async def _ask(run: Path | None, tenant: str, site: str | None, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from core.audit import Actor
    from core.bridge_calls import BridgeCalls, route

    async with tenancy_of(run) as tenancy, BridgeCalls(tenancy.platform) as calls:
        scope = await tenancy.get(tenant)
        place = route(await calls.places(scope), site=site, equipment=arguments.get("equipment"))
        actor, outcome = Actor.command("bridges ask"), "done"
        try:
            return await calls.call(scope, place, tool, arguments, asked_by=actor.name)
        except GoldlayerError as error:
            outcome = type(error).__name__
            raise
        finally:
            asked = {"tool": tool, "arguments": arguments}
            await tenancy.audit.record(scope, actor, "bridge.call", place.bridge_id, None, asked, outcome)
