"""`platform tenants consent`: what a tenant agrees to."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.session import tenancy_of
from core.errors import InputError

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]


class ConsentAction(StrEnum):
    """What to do with a consent."""

    GRANT = "grant"
    WITHDRAW = "withdraw"
    LIST = "list"


def consent(
    slug: Annotated[str, typer.Argument(help="Which tenant.")],
    action: Annotated[ConsentAction, typer.Argument(help="What to do.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What for: fleet, aggregates over tenants.")] = "fleet",
    run: RunOption = None,
) -> None:
    """Record that a tenant agrees to something, or no longer does; withdrawing counts from the next run on."""

    async def work() -> str:
        from core.audit import Actor
        from core.tenancy import Purpose

        if purpose not in {one.value for one in Purpose}:
            raise InputError("nobody asks for this consent", expected=", ".join(Purpose), received=purpose)
        wanted, actor = Purpose(purpose), Actor.command(f"tenants consent {action}")
        async with tenancy_of(run) as tenancy:
            scope = await tenancy.get(slug)
            if action is ConsentAction.LIST:
                given = await tenancy.consents.of(scope)
                lines = [f"{one} since {at.isoformat(timespec='seconds')}" for one, at in given.items()]
                return "\n".join(lines) or f"{scope.slug} has agreed to nothing"
            if action is ConsentAction.GRANT:
                changed = await tenancy.consents.grant(scope, wanted, actor=actor)
                return f"{scope.slug} agrees to {wanted}" + ("" if changed else ", as before")
            changed = await tenancy.consents.withdraw(scope, wanted, actor=actor)
            return f"{scope.slug} does not agree to {wanted}" + ("; it counts from the next run on" if changed else "")

    typer.echo(asyncio.run(work()))
