"""`platform lake secret set | list | remove`: what the lake's store wants to know and no setting may say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import asked
from cli.session import tenancy_of
from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import load_settings

if TYPE_CHECKING:
    from core.vault.installation import InstallationVault

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
OptionArgument = Annotated[str, typer.Argument(help="The store's option, for example `aws_secret_access_key`.")]


@app.command("set")
def put(option: OptionArgument, run: RunOption = None) -> None:
    """Keep a secret of the store, read from standard input or asked for; it is never an argument and never printed."""
    name = _known(option)
    value = asked(name)
    _recorded(run, "set", name, lambda vault: vault.put(f"lake/{name}", value))
    typer.echo(f"{name} is kept; a process reads it when it starts")


@app.command("list")
def show(run: RunOption = None) -> None:
    """Names of the secrets that are kept."""
    for name in _vault(run).names():
        typer.echo(name.removeprefix("lake/"))


@app.command()
def remove(option: OptionArgument, run: RunOption = None) -> None:
    """Forget a secret of the store."""
    name = _known(option)
    _recorded(run, "remove", name, lambda vault: vault.remove(f"lake/{name}"))
    typer.echo(f"{name} is forgotten; processes that run still have it")


def _known(option: str) -> str:
    from lake.storage import KINDS

    name, known = option.lower(), sorted({name for kind in KINDS.values() for name in kind.secrets})
    if name not in known:
        raise InputError("no store has such a secret", expected=", ".join(known), received=option)
    return name


def _vault(run: Path | None) -> InstallationVault:
    from core.vault.installation import InstallationVault

    settings = load_settings()
    return InstallationVault.by_settings(RunFolder.find(run, settings), settings)


def _recorded(run: Path | None, action: str, name: str, work: Callable[[InstallationVault], None]) -> None:
    """Do it and write it down in the platform's own chain; what cannot be written down is not done."""
    vault = _vault(run)

    async def told() -> None:
        from core.audit import Actor

        async with tenancy_of(run) as tenancy:
            actor = Actor.command(f"lake secret {action}")
            async with tenancy.admin.open(actor, f"{action} {name} of the lake's store"):
                work(vault)

    asyncio.run(told())
