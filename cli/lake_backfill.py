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
    from cli.backfill_workers import Order
    from orchestration.backfill import Piece, Result

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day, included.")],
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", help="A tenant; several by repeating it; all if not given.")
    ] = None,
    tables: Annotated[
        str | None, typer.Option("--tables", help="Full names, with commas; everything that is built if not given.")
    ] = None,
    days_per_run: Annotated[int, typer.Option(min=1, max=366, help="Days one run builds at most.")] = 7,
    parallel: Annotated[
        int | None, typer.Option(min=1, help="Tenants built at once; the setting dagster.concurrent_runs if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was done as one JSON document.")] = False,
    run: RunOption = None,
) -> None:
    """Build the days that have data again; interrupted, the same command builds what is missing.

    Several tenants are built at once, each in one process at a time: the same command in a second window takes the
    tenants that are free. Exit code 1 if a tenant failed; the others are done all the same.
    """
    import warnings

    from cli.dagster import opened_installation

    # Dagster warns on import of what we use on purpose.
    warnings.simplefilter("ignore")
    from cli.backfill_workers import Order
    from orchestration.backfill import Request

    names = tuple(sorted(name.strip() for name in (tables or "").split(",") if name.strip()))
    request = Request(first.date(), last.date(), tuple(sorted(set(tenant or ()))), names)
    with opened_installation(run) as (folder, postgres, settings):
        from orchestration.home import environment

        os.environ.update(environment(folder, postgres, settings))
        order = Order(request, str(folder.dagster / "backfill"), days_per_run)
        result = _built(order, parallel or settings.dagster.concurrent_runs)
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"complete": result.whole}, sort_keys=True))
    _report(result, quiet=as_json)


def _built(order: Order, parallel: int) -> Result:
    from cli.backfill_workers import Station, spread
    from core.errors import NotFoundError
    from orchestration.backfill import Result

    with Station.opened(order) as station:
        known = station.slugs
        for slug in order.request.tenants:
            if slug not in known:
                raise NotFoundError("no such tenant", received=slug, next_step="platform tenants list")
        tenants = list(order.request.tenants) or known
        missing = {slug: station.missing(slug) for slug in tenants}
        begun = "goes on" if station.backfill.resumed else "begins"
        typer.echo(f"backfill {station.backfill.id} {begun}: {sum(missing.values())} days to build", err=True)
        result = Result()
        with _progress(sum(missing.values())) as tell:
            open_ones = [slug for slug in tenants if missing[slug]]
            if min(parallel, len(open_ones)) > 1:
                result.add(spread(order, open_ones, parallel, tell))
                tenants = [slug for slug in tenants if slug not in open_ones]
            for slug in tenants:
                result.add(station.work(slug, tell))
        if result.whole:
            station.backfill.close()
        return result


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
