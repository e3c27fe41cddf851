"""`platform demo`: parses, prepares, walks; standard output carries the summary alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.sites import PACKAGED, Found, find_sites
from core import log
from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from cli.demo.progress import Progress
    from cli.demo.summary import Summary

LOCAL = "local"

app = typer.Typer()


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the answers and print the summary.")] = False,
    speed: Annotated[
        float | None, typer.Option(help="Recorded seconds replayed in one second, at most.", min=0.001)
    ] = None,
    sites: Annotated[Path | None, typer.Option(help="Folder of site files in place of the packaged ones.")] = None,
    run: Annotated[Path | None, typer.Option(help="Run folder.")] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Carry batches over Apache Kafka at HOST:PORT; `local` starts one here.")
    ] = None,
) -> None:
    """Walk the whole road: recorded plants, bridges, log, lake, tables, answers with evidence."""
    settings = load_settings()
    # The walk tells its own story; what every part logs lies in the run folder.
    log.configure("warning")
    found = find_sites(sites or PACKAGED, (run or settings.run or Path(".goldlayer")).absolute() / "contracts")
    _read_recordings(found)
    folder = RunFolder.open(run, settings)
    _keep_one_log(folder, kafka is not None)
    found.write_contracts()
    balanced = asyncio.run(_walk(folder, settings, found, once=once, speed=speed, kafka=kafka))
    if not balanced:
        raise typer.Exit(1)


def _read_recordings(found: Found) -> None:
    """Read every recording once, so that a wrong one is told before anything is created.

    Raises:
        InputError: a site has no recording, or it cannot be read or served as its site file says.
    """
    from examples.plant.recording import read_history, read_recording
    from examples.plant.servable import check_servable

    for one in found.sites:
        check_servable(read_recording(one.site, one.folder))
        read_history(one.site, one.folder)


def _keep_one_log(run: RunFolder, kafka: bool) -> None:
    """A run folder belongs to the log that filled it: offsets of one mean nothing in another.

    Raises:
        InputError: it was filled over the other log.
    """
    mark, name = run.path / "event-log", "kafka" if kafka else "postgres"
    if mark.exists() and mark.read_text().strip() != name:
        raise InputError(
            "this run folder was filled over another event log",
            expected=mark.read_text().strip(),
            received=name,
            where=str(run.path),
            next_step="choose another folder with --run",
        )
    mark.write_text(f"{name}\n")


async def _walk(
    run: RunFolder, settings: Settings, found: Found, *, once: bool, speed: float | None, kafka: str | None
) -> bool:
    from cli.demo.progress import Progress
    from cli.demo.walk import Walk
    from core.run.memory import watched_memory
    from core.run.postgres import Postgres
    from core.run.supervisor import Supervisor

    progress = Progress()
    progress.say(f"run folder {run.path}")
    for note in found.notes:
        progress.say(note)
    with _broker(run, kafka, progress) as broker:
        settings = broker.settings(settings)
        postgres = Postgres(run, settings)
        progress.say("starting PostgreSQL")
        async with (
            Supervisor(run, postgres) as supervisor,
            watched_memory(lambda: _processes(run), lambda: broker.pids) as peak,
            aclosing(Walk(run, settings, postgres, supervisor, found.sites, speed, peak, progress)) as walk,
        ):
            await walk.provision()
            await walk.stream()
            await walk.build()
            if walk.has_questions or not once:
                await walk.answer()
            else:
                progress.say("no site file has `questions`: nobody asks the agents")
            if not once:
                await walk.open_house()
                for line in walk.addresses():
                    progress.say(line)
                await supervisor.until_stopped()
                progress.say("stopping everything in order")
                return True
            summary = await walk.summary()
    return _finish(run, summary, progress)


def _processes(run: RunFolder) -> set[int]:
    """This process and those of the run folder that live outside its tree, PostgreSQL among them."""
    return {os.getpid(), *(mark.pid for mark in run.state().processes.values() if mark.alive())}


@dataclass(frozen=True, slots=True)
class _Log:
    """Where batches travel: `bootstrap` of Kafka, or None for PostgreSQL; processes that are not ours to count."""

    bootstrap: str | None
    pids: tuple[int, ...] = ()

    def settings(self, settings: Settings) -> Settings:
        """Settings of every part of this walk."""
        chosen = settings.eventlog.model_copy(update={"kafka": self.bootstrap})
        return settings.model_copy(update={"eventlog": chosen})


@contextmanager
def _broker(run: RunFolder, kafka: str | None, progress: Progress) -> Generator[_Log]:
    if kafka != LOCAL:
        yield _Log(kafka)
        return
    from core.eventlog.broker import LocalBroker

    progress.say("starting a local Apache Kafka")
    with LocalBroker(run.path / "kafka") as broker:
        yield _Log(broker.bootstrap, (broker.pid,) if broker.pid else ())


def _finish(run: RunFolder, summary: Summary, progress: Progress) -> bool:
    wrong = summary.readings.unbalanced() if summary.readings else ["no readings"]
    for equation in wrong:
        progress.say(f"the books do not balance: {equation}")
    line = summary.model_dump_json()
    (run.path / "summary.json").write_text(f"{line}\n")
    sys.stderr.flush()
    print(line, flush=True)
    return not wrong
