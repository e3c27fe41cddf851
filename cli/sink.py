"""`platform sink run`: from the event log into the lake."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from core.settings import load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """From the event log into the lake."""


@app.command()
def run(
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
) -> None:
    """Carry every tenant's batches into bronze until stopped; then first what the log holds already."""
    asyncio.run(_sink(run))


async def _sink(path: Path | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    from cli.session import opened
    from core.eventlog import open_event_log
    from core.tenancy import Tenancy
    from ingestion.sink.service import Sink
    from lake.opening import open_lake
    from lake.spec import Layer

    settings = load_settings()
    async with (
        opened(path, settings) as session,
        await Tenancy.open(session.run, session.postgres, settings) as tenancy,
    ):
        log = await open_event_log(settings, session.run, session.postgres)
        try:
            lake = open_lake(session.run, settings)
            await asyncio.to_thread(lake.turns.sit, Layer.BRONZE)
            await Sink(log, lake, tenancy.active_tenants, settings).run(stop)
        finally:
            await log.close()
