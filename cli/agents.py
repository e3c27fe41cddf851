"""`platform agents run`: the agent service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from core import log
from core.settings import Settings, load_settings

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

    async with opened(path, settings) as session:
        modules = builtin_modules()
        service = create_app(lambda: open_services(session.run, session.postgres, settings, modules), modules)
        chosen = port if port is not None else session.run.port("agents")
        # uvicorn handles SIGTERM and SIGINT itself: no new requests, streams finish, then it returns.
        config = uvicorn.Config(
            service, host=host, port=chosen, log_level="warning", access_log=False, timeout_graceful_shutdown=10
        )
        typer.echo(f"agent service on http://{host}:{chosen}", err=True)
        await uvicorn.Server(config).serve()
