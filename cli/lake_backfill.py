"""`platform lake backfill`: days built again, interrupted and resumed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestration.backfill import Piece, Request, Result

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day, included.")],
    tenant: Annotated[str | None, typer.Option("--tenant", help="One tenant; all if not given.")] = None,
    tables: Annotated[
        str | None, typer.Option("--tables", help="Full names, with commas; everything that is built if not given.")
    ] = None,
    days_per_run: Annotated[int, typer.Option(min=1, max=366, help="Days one run builds at most.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="What was done as one JSON document.")] = False,
    run: RunOption = None,
) -> None:
    """Build the days that have data again; interrupted, the same command builds what is missing.

    One process at a time works on a tenant: the same command in a second window takes the tenants that are free. Exit
    code 1 if a tenant failed; the others are done all the same.
    """
    import warnings

    from cli.dagster import opened_installation

    # Dagster warns on import of what we use on purpose.
    warnings.simplefilter("ignore")
    from orchestration.backfill import Request

    names = tuple(sorted(name.strip() for name in (tables or "").split(",") if name.strip()))
    request = Request(first.date(), last.date(), tenant, names)
    with opened_installation(run) as (folder, postgres, settings):
        from orchestration.home import environment

        os.environ.update(environment(folder, postgres, settings))
        result = _built(request, folder.dagster / "backfill", days_per_run)
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"complete": result.whole}, sort_keys=True))
    _report(result, quiet=as_json)


def _built(request: Request, locks: Path, days_per_run: int) -> Result:
    import dagster as dg

    from core.errors import NotFoundError
    from orchestration.backfill import Backfill, keys_of, pieces
    from orchestration.definitions import defs
    from orchestration.materialize import builder
    from orchestration.resources import installation, resources

    definitions = defs()
    found = resources(*installation())
    slugs = found["tenants"].slugs()
    if request.tenant is not None and request.tenant not in slugs:
        raise NotFoundError("no such tenant", received=request.tenant, next_step="platform tenants list")
    lakes = [(slug, found["lake"].tenant(slug)) for slug in slugs if request.tenant in (None, slug)]
    keys = keys_of(definitions.resolve_asset_graph(), request.tables)
    with dg.DagsterInstance.get() as instance:
        # Pooled connections: as it comes, Dagster signs in to PostgreSQL anew for every event it stores.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=10)
        work = Backfill(instance, request, locks, days_per_run)
        missing = sum(
            piece.count
            for slug, lake in lakes
            for piece in pieces(slug, work.days(lake), work.done(slug), days_per_run)
        )
        begun = "goes on" if work.resumed else "begins"
        typer.echo(f"backfill {work.id} {begun}: {missing} days to build", err=True)
        with _progress(missing) as tell:
            return work.run(lakes, builder(instance, definitions, log_level="CRITICAL"), keys, tell)


@contextmanager
def _progress(days: int) -> Generator[Callable[[Piece], None]]:
    """A bar on a terminal, a line for each run elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    terminal = sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not terminal, transient=True) as progress:
        task = progress.add_task("days", total=days)

        def tell(piece: Piece) -> None:
            if terminal:
                progress.update(task, advance=piece.count, description=f"{piece.tenant} {piece.days[1]}")
            else:
                typer.echo(f"{piece.tenant}: {_span(piece.days)} built", err=True)

        yield tell


def _report(result: Result, *, quiet: bool) -> None:
    for slug in result.elsewhere:
        typer.echo(f"{slug}: another process is at work on it", err=True)
    for slug, reason in result.failed.items():
        typer.echo(f"failed: {slug}: {' '.join(reason.split())}", err=True)
    if not quiet:
        before = f", {result.before} were built before" if result.before else ""
        typer.echo(f"{result.built} days built{before}")
    if result.failed:
        typer.echo("what is done stays done; the same command goes on", err=True)
        raise typer.Exit(1)


def _span(days: tuple[date, date]) -> str:
    return str(days[0]) if days[0] == days[1] else f"{days[0]} to {days[1]}"
