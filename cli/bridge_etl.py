"""`platform bridge etl`: pipelines on site, run by hand and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.errors import TerminalError
from core.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
_HEAD: tuple[str, ...] = (
    *("run", "pipeline", "began", "seconds", "state"),
    *("inputs", "read", "filtered", "rejected", "written", "new", "error"),
)
Home = Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]


@app.command("list")
def list_(home: Home) -> None:
    """Show every pipeline with its schedule and its newest run; exit code 1 if a file is wrong."""
    from bridge.etl.memory import runs
    from bridge.etl.service import load_of, remembered_site
    from bridge.store import read_only
    from cli.table import print_table

    loaded = load_of(home, remembered_site(home))
    connection = read_only(home)
    try:
        newest = {name: runs(connection, name, 1) for name in loaded.pipelines}
    finally:
        connection.close()
    rows: list[tuple[str, ...]] = [("pipeline", "from", "schedule", "newest run")]
    for name, placed in sorted(loaded.pipelines.items()):
        schedule = placed.pipeline.every or placed.pipeline.cron or "by command"
        last = newest[name][0] if newest[name] else None
        rows.append((name, placed.origin, schedule, last.state if last else "never ran"))
    print_table(rows)
    for problem in loaded.problems:
        typer.echo(f"wrong: {problem}", err=True)
    if loaded.problems:
        raise typer.Exit(1)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Pipeline.")],
    home: Home,
    again: Annotated[
        bool, typer.Option("--again", help="Take also what was loaded before; nothing is doubled.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a running bridge.")] = 300.0,
) -> None:
    """Run a pipeline now, by the running bridge or without one; exit code 1 if the run failed."""
    from bridge.etl.command import run_now

    found = run_now(home, name, again=again, wait_s=wait, settings=load_settings().bridge)
    typer.echo(
        f"run {found.id} {found.state}: {found.inputs} inputs, {found.read} read, {found.filtered} filtered, "
        f"{found.rejected} rejected, {found.written} written, {found.readings} new readings"
    )
    if found.error:
        raise TerminalError(f"pipeline {name!r} failed", received=found.error)


@app.command()
def log(
    home: Home,
    name: Annotated[str | None, typer.Argument(help="One pipeline only.")] = None,
    rejects: Annotated[int | None, typer.Option(help="Number of a run: show what it refused, and why.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
) -> None:
    """Show runs with their counts, or the rows that one of them refused."""
    from bridge.etl.memory import rejects as refused
    from bridge.etl.memory import runs
    from bridge.store import read_only
    from cli.table import print_table
    from core.contracts.reading import to_datetime

    connection = read_only(home)
    try:
        if rejects is not None:
            found = refused(connection, rejects, last)
            rows = [(one, str(r.row or ""), r.reason, r.record) for one, r in found]
            print_table([("input", "row", "reason", "record"), *rows])
            return
        known = runs(connection, name, last)
    finally:
        connection.close()
    rows = [_HEAD]
    for one in known:
        began = f"{to_datetime(one.started_at):%Y-%m-%d %H:%M:%S}"
        took = "" if one.duration_s is None else f"{one.duration_s:.1f}"
        counts = (one.inputs, one.read, one.filtered, one.rejected, one.written, one.readings)
        rows.append((str(one.id), one.pipeline, began, took, one.state, *(f"{n:,}" for n in counts), one.error or ""))
    print_table(rows)
