"""`platform agents run`: the agent service."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core import log
from core.errors import InputError
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    import uvicorn

app = typer.Typer(help="The agent service.")


@app.callback()
def _group() -> None:
    """The agent service."""


@app.command("run")
def run(
    run: Annotated[Path | None, typer.Option("--run", help="Run folder of the installation.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.", min=1, max=65_535)] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
) -> None:
    """Serve chat, tools and module routes until stopped."""
    settings = load_settings()
    log.configure(settings.log_level)
    asyncio.run(_serve(run, port, host or settings.agents.host, settings))


async def _serve(path: Path | None, port: int | None, host: str, settings: Settings) -> None:
    import uvicorn

    from agents.api.app import create_app
    from agents.wiring import open_services
    from cli.session import opened
    from core.sdk.loader import builtin_modules

    modules = builtin_modules()
    async with opened(path, settings) as session:
        chosen = port if port is not None else session.run.port("agents")
        reached = settings.agents.public_url or f"http://{host}:{chosen}"
        async with open_services(session.run, session.postgres, settings, modules, public_url=reached) as services:
            listening = _listen(host, chosen)
            app = create_app(lambda: nullcontext(services), modules)
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=10,
                forwarded_allow_ips=settings.agents.proxies,
            )
            typer.echo(f"agent service on http://{host}:{chosen}", err=True)
            await _until_stopped(uvicorn.Server(config), listening)


def _listen(host: str, port: int) -> socket.socket:
    """The socket, taken before the server starts, so that a port in use is one clear error.

    Raises:
        InputError: it cannot be had.
    """
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise InputError(
            "the agent service cannot listen there",
            received=f"{host}:{port}: {error.strerror}",
            next_step="free the port or name another with --port",
        ) from error


async def _until_stopped(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT: no new requests, streams finish, then it returns.

    uvicorn's own handling would raise the signal again at the end, and an asked-for stop would look like a death.
    """
    serving = asyncio.create_task(server._serve([listening]))  # pyright: ignore[reportPrivateUsage]  serve() without its signals
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    await serving
