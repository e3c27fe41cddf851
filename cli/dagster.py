"""`platform dagster webserver`, `daemon` and `materialize`: the data engineer's home."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.storage.event_log.base import AssetEntry

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

RunOption = Annotated[Path | None, typer.Option("--run", help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")]
_GRACE_S = 10.0


@app.command()
def webserver(
    run: RunOption = None, port: Annotated[int, typer.Option(help="Port to listen on; 0 picks one.")] = 0
) -> None:
    """Serve Dagster's pages until stopped."""
    with opened_installation(run) as (folder, postgres, settings):
        chosen = port or folder.port("dagster-webserver")
        words = ["--host", settings.dagster.host, "--port", str(chosen)]
        _tool(["dagster_webserver", *words], folder, postgres, settings)


@app.command()
def daemon(run: RunOption = None) -> None:
    """Run sensors, schedules and queued runs until stopped."""
    with opened_installation(run) as (folder, postgres, settings):
        _tool(["dagster._daemon", "run"], folder, postgres, settings)


@app.command()
def materialize(
    run: RunOption = None,
    when_told: Annotated[
        bool, typer.Option("--when-told", help="Load first, then wait for a line on standard input; build only then.")
    ] = False,
) -> None:
    """Build what follows from new bronze data, in this process; the last line is a summary in JSON."""
    with opened_installation(run) as (folder, postgres, settings):
        from orchestration.home import environment

        os.environ.update(environment(folder, postgres, settings))
        import warnings

        warnings.simplefilter("ignore")
        if when_told and not _told():
            return
        typer.echo(json.dumps(_materialized(), sort_keys=True))


@contextmanager
def opened_installation(path: Path | None) -> Generator[tuple[RunFolder, Postgres, Settings]]:
    """The installation with PostgreSQL up, initialised if it is new."""
    from cli.session import initialise

    settings = load_settings()
    folder = RunFolder.open(path, settings)
    postgres = Postgres(folder, settings)
    with postgres.running():
        asyncio.run(initialise(folder, postgres, settings))
        yield folder, postgres, settings


def _told() -> bool:
    """Load what a build needs, which takes seconds, and wait; False if standard input ends without a line."""
    from importlib import import_module

    from orchestration.definitions import defs
    from quality.validation import load

    for name in ("orchestration.event_log", "orchestration.materialize", "dbt.cli.main"):
        import_module(name)
    defs()
    load()
    return bool(sys.stdin.readline())


def _materialized() -> dict[str, object]:
    import dagster as dg

    from orchestration.definitions import defs
    from orchestration.materialize import materialize_new
    from orchestration.resources import installation, resources

    run, settings = installation()
    found = resources(run, settings)
    with dg.DagsterInstance.get() as instance:
        # Pooled connections: as it comes, Dagster signs in to PostgreSQL anew for every event it stores.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=10)
        summary = materialize_new(instance, defs(), found["lake"], found["tenants"], typer.echo)
        known = instance.event_log_storage.get_asset_records()
        held = sum(record.asset_entry.last_materialization is not None for record in known)
        failed = sum(_failed_last(instance, record.asset_entry) for record in known)
    return {
        "materialized": held,
        "failed": failed,
        "built": sorted(summary.materialised),
        "runs": summary.runs,
        "passed": summary.passed,
        "warned": summary.warned,
    }


def _failed_last(instance: dg.DagsterInstance, entry: AssetEntry) -> bool:
    """True if the last run that was to write an asset failed before it did."""
    last = entry.last_materialization
    if entry.last_run_id is None or (last is not None and last.run_id == entry.last_run_id):
        return False
    run = instance.get_run_by_id(entry.last_run_id)
    return run is not None and run.is_failure


def _tool(argv: Sequence[str], run: RunFolder, postgres: Postgres, settings: Settings) -> None:
    """Run one of Dagster's programs until it ends or we are told to stop; nothing it started stays."""
    import psutil

    from core.run.bound import bound_to_us
    from orchestration.home import WORKSPACE, environment

    env = {**os.environ, **environment(run, postgres, settings)}
    words = [sys.executable, "-P", "-m", *argv, "-w", str(run.dagster / WORKSPACE)]
    process = subprocess.Popen(bound_to_us(words), env=env, stdin=subprocess.DEVNULL)  # noqa: S603  our own arguments
    offspring: list[psutil.Process] = []
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        try:
            offspring.extend(psutil.Process(process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return
        process.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    code = _wait(process, lambda: stopping)
    # Dagster's code servers outlive it by up to 45 s, the time they wait for a heartbeat.
    for child in offspring:
        if child.is_running():
            child.kill()
    if not stopping and code != 0:
        raise typer.Exit(1)


def _wait(process: subprocess.Popen[bytes], stopping: Callable[[], bool]) -> int:
    """Wait for the end; after the word to stop, no longer than the grace."""
    while True:
        try:
            return process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            if stopping():
                process.kill()
                return process.wait()
