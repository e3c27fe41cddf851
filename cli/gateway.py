"""`platform gateway run`: the door bridges connect to."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from core.run.folder import RunFolder
    from lake.store import Lake

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """The door bridges connect to."""


@app.command()
def run(
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; the installation's own if not given.")] = None,
) -> None:
    """Take batches from bridges into the event log; runs until stopped."""
    asyncio.run(_serve(run, port))


def _lake(run: RunFolder, settings: Settings) -> Lake:
    """The lake, which a gateway hardly ever asks."""
    from lake.opening import open_lake

    return open_lake(run, settings)


async def _serve(path: Path | None, port: int | None) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    from cli.session import opened
    from core.bridge_calls import CallDesk
    from core.eventlog import open_event_log
    from core.identity import IdentityService
    from core.tenancy import Tenancy
    from ingestion.gateway.let_in import LetIn
    from ingestion.gateway.register import PlatformRegister
    from ingestion.gateway.server import Gateway, serve_until
    from ingestion.gateway.switchboard import Switchboard

    settings = load_settings()
    async with (
        opened(path, settings) as session,
        await Tenancy.open(session.run, session.postgres, settings) as tenancy,
    ):
        log = await open_event_log(settings, session.run, session.postgres)
        try:
            door = PlatformRegister(tenancy, IdentityService(tenancy, session.run, settings))
            let_in = LetIn(log, lambda: _lake(session.run, settings))
            gateway = Gateway(log, door, settings.gateway, let_in)
            async with Switchboard(CallDesk(tenancy.platform), gateway).open():
                await serve_until(gateway, port or session.run.port("gateway"), stop)
        finally:
            await log.close()
