"""A tenant's accounts for the duration of a command, in the operator's hands."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.session import tenancy_of
from core.settings import load_settings

if TYPE_CHECKING:
    from core.db import TenantScope
    from core.identity import Authority, IdentityService, Member
    from core.run.folder import RunFolder
    from core.settings import Settings

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
SlugArgument = Annotated[str, typer.Argument(metavar="SLUG", help="Which tenant.")]
EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="Whose address.")]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What a command works with."""

    service: IdentityService
    scope: TenantScope
    by: Authority
    public_url: str
    """Where browsers reach the agent service."""

    async def member(self, email: str) -> Member:
        """A member by their address.

        Raises:
            NotFoundError: the tenant has none of it.
        """
        return await self.service.members.by_email(self.scope, email)


@asynccontextmanager
async def accounts_of(path: Path | None, slug: str, command: str) -> AsyncGenerator[Accounts]:
    """A tenant's accounts.

    Args:
        path: the run folder, as `--run` names it.
        slug: the tenant.
        command: as the audit log names who acts, `identity keys create`.

    Raises:
        NotFoundError: no such tenant.
    """
    from core.identity import Authority, IdentityService
    from core.run.folder import RunFolder

    settings = load_settings()
    async with tenancy_of(path) as tenancy:
        run = RunFolder.find(path, settings)
        service = IdentityService(tenancy, run, settings)
        by = Authority.command(command)
        yield Accounts(service, await tenancy.get(slug), by, reached_at(run, settings))


def reached_at(run: RunFolder, settings: Settings) -> str:
    """Where browsers reach the agent service: its public address, else where it listens."""
    return settings.agents.public_url or f"http://{settings.agents.host}:{run.port('agents')}"


def time_of(at: object) -> str:
    """A moment to the second, or a dash for none."""
    return "-" if at is None else str(at)[:19]
