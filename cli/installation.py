"""`platform init`, `up`, `info`, `health` and `hold`: the installation as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError, TransientError
from core.run.folder import RunFolder
from core.run.marks import ProcessMark
from core.run.ports import accepts
from core.run.postgres import Postgres
from core.settings import Settings, load_settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_STOPS_WITHIN_S = 120.0
"""The sink first commits what it has read."""

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]


@app.command()
def init(run: RunOption = None) -> None:
    """Create the installation: databases, roles, secrets. May be repeated."""
    from cli.session import initialise

    settings = load_settings()
    folder = RunFolder.open(run, settings)
    postgres = Postgres(folder, settings)
    with postgres.running():
        asyncio.run(initialise(folder, postgres, settings, again=True))
    typer.echo(f"installation ready in {folder.path}")


@app.command()
def up(sites: Annotated[Path, typer.Option(help="Folder of site files.")], run: RunOption = None) -> None:
    """Run gateway, sink, agents, Dagster and a bridge for each site until stopped."""
    from cli.up import run_until_stopped

    asyncio.run(run_until_stopped(run, sites, load_settings()))


@app.command()
def info(run: RunOption = None) -> None:
    """Where the installation is, its ports and which parts are alive."""
    settings = load_settings()
    folder = RunFolder.find(run, settings)
    state = folder.state()
    owner = folder.owner()
    lines = [
        ("run folder", str(folder.path)),
        ("lake", folder.lake_root(settings)),
        ("event log", settings.eventlog.kafka or "PostgreSQL"),
        ("supervisor", f"pid {owner}" if owner is not None else "not running"),
        ("postgres", _server(Postgres(folder, settings), state.ports.get("postgres"))),
    ]
    for name, port in sorted(state.ports.items()):
        if name != "postgres" and name not in state.processes:
            lines.append((name, f"port {port}, not running"))
    for name, mark in sorted(state.processes.items()):
        if name != "postgres":
            port = f"port {state.ports[name]}, " if name in state.ports else ""
            lines.append((name, f"{port}pid {mark.pid}" if mark.alive() else f"{port}down"))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        typer.echo(f"{name:<{width}}  {text}")


@app.command()
def health(run: RunOption = None) -> None:
    """Probe everything that should run; exit code 1 if something is down."""
    settings = load_settings()
    results = probe(RunFolder.find(run, settings), settings)
    for name, well in results.items():
        typer.echo(f"{'ok' if well else 'DOWN':<4}  {name}")
    if not all(results.values()):
        raise typer.Exit(1)


@app.command()
def hold(
    part: Annotated[str, typer.Argument(help="As `platform info` names it.")],
    minutes: Annotated[float, typer.Option(help="How long; 0 lets one that is held start now.", min=0)],
    run: RunOption = None,
) -> None:
    """Stop one part of a running installation, which its supervisor starts again when the time is over."""
    folder = RunFolder.find(run, load_settings())
    mark = _part(folder, part)
    until = time.time() + 60 * minutes
    folder.hold(part, until)
    if minutes and mark.alive():
        _stop(mark, part)
    end = datetime.fromtimestamp(until, UTC)
    typer.echo(f"{part} stays down until {end:%H:%M:%S} UTC" if minutes else f"{part} is not held")


def _part(folder: RunFolder, name: str) -> ProcessMark:
    if folder.owner() is None:
        raise InputError(
            "nobody would start it again: this installation is not running",
            where=str(folder.path),
            next_step="`platform up` or `platform demo`, and try again",
        )
    parts = {one: mark for one, mark in folder.state().processes.items() if one != "postgres"}
    if name not in parts:
        raise InputError("no such part runs here", expected=", ".join(sorted(parts)) or "none yet", received=name)
    return parts[name]


def _stop(mark: ProcessMark, name: str) -> None:
    """Ask a process to stop and wait until it has.

    Raises:
        TransientError: it takes too long; it stays down once it has ended.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(mark.pid, signal.SIGTERM)
    end = time.monotonic() + _STOPS_WITHIN_S
    while mark.alive():
        if time.monotonic() > end:
            raise TransientError("the part has not stopped yet", received=f"{name}, pid {mark.pid}")
        time.sleep(0.1)


def probe(run: RunFolder, settings: Settings) -> dict[str, bool]:
    """Whether each part that should run does: its process lives and its port, if it has one, takes connections."""
    state = run.state()
    results = {"supervisor": run.owner() is not None, "postgres": Postgres(run, settings).is_running()}
    for name, mark in sorted(state.processes.items()):
        if name != "postgres":
            port = state.ports.get(name)
            results[name] = mark.alive() and (port is None or accepts(port))
    return results


def _server(postgres: Postgres, port: int | None) -> str:
    where = f"port {port}" if postgres.embedded else "by postgres.url"
    return f"{where}, {'running' if postgres.is_running() else 'not running'}"
