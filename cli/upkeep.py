"""Many tenants' tables in one command: `platform modules migrate` and `platform tenants maintain`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.session import tenancy_of
from cli.table import print_table

if TYPE_CHECKING:
    from core.connector.fleet import Outcome
    from core.connector.tables.module import ModuleTables
    from core.db import TenantScope
    from core.tenancy import Tenancy

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
ParallelOption = Annotated[int, typer.Option("--parallel", min=1, max=64, help="Tenants at work at once.")]


def migrate(
    module: Annotated[str | None, typer.Option("--module", help="Code of one module; all if not given.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="One tenant; all if not given.")] = None,
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="Run steps that lose values, too.")
    ] = False,
    parallel: ParallelOption = 8,
    run: RunOption = None,
) -> None:
    """Bring tenants' tables to the modules' versions; exit code 1 if one failed, the others are done all the same."""

    async def work() -> list[Outcome]:
        from cli.modules import open_subscriptions
        from core.audit import Actor
        from core.connector.fleet import migrate_tenants
        from core.run.folder import RunFolder
        from core.settings import load_settings

        modules, actor, settings = _declared(module), Actor.command("modules migrate"), load_settings()
        async with tenancy_of(run) as tenancy:
            scopes = await _scopes(tenancy, tenant)
            folder = RunFolder.find(run, settings)
            subscriptions = await open_subscriptions(tenancy, folder, settings, actor=actor)

            async def arrived(scope: TenantScope, schema: str, version: str) -> None:
                await subscriptions.arrived(scope, schema.upper(), version, actor=actor)

            with _progress("migrating", len(scopes)) as tell:
                return await migrate_tenants(
                    tenancy,
                    scopes,
                    modules,
                    actor=actor,
                    allow_destructive=allow_destructive,
                    parallel=parallel,
                    tell=tell,
                    arrived=arrived,
                )

    _report(asyncio.run(work()), "all tables are at their modules' versions")


def maintain(
    slug: Annotated[str | None, typer.Argument(help="One tenant; all if not given.")] = None,
    parallel: ParallelOption = 8,
    run: RunOption = None,
) -> None:
    """Make partitions ahead of time and drop those older than their tables keep; exit code 1 if a tenant failed."""

    async def work() -> list[Outcome]:
        from core.connector.fleet import maintain_tenants

        async with tenancy_of(run) as tenancy:
            scopes = await _scopes(tenancy, slug)
            with _progress("maintaining", len(scopes)) as tell:
                return await maintain_tenants(tenancy, scopes, parallel=parallel, tell=tell)

    _report(asyncio.run(work()), "nothing to make and nothing to drop")


def _declared(code: str | None) -> list[ModuleTables]:
    from core.errors import NotFoundError
    from core.sdk.loader import builtin_manifests

    manifests = builtin_manifests()
    wanted = [one for one in manifests if code in (None, one.module_code)]
    if not wanted:
        raise NotFoundError("no such module", expected=", ".join(one.module_code for one in manifests), received=code)
    return [one.module_tables for one in wanted]


async def _scopes(tenancy: Tenancy, slug: str | None) -> list[TenantScope]:
    return await tenancy.list() if slug is None else [await tenancy.get(slug)]


@contextmanager
def _progress(what: str, total: int) -> Generator[Callable[[object], None]]:
    """A bar on a terminal, silence elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda _: progress.advance(task)


def _report(outcomes: Sequence[Outcome], idle: str) -> None:
    """What was done on standard output, what failed on standard error."""
    done = [(one.tenant, str(one.schema), one.said) for one in outcomes if one.said is not None]
    failed = [one for one in outcomes if one.error is not None]
    if done:
        print_table(done)
    elif not failed:
        typer.echo(idle)
    for one in failed:
        place = one.tenant if one.schema is None else f"{one.tenant} {one.schema}"
        typer.echo(f"failed: {place}: {' '.join(str(one.error).split())}", err=True)
    if failed:
        typer.echo(f"{len({one.tenant for one in failed})} tenants failed; what is done stays done", err=True)
        raise typer.Exit(1)
