"""`platform plant run`: one recorded plant behind one port."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.contracts.site import load_site
from core.errors import InputError

if TYPE_CHECKING:
    from examples.plant.progress import Replay
    from examples.plant.recording import Plant

_REPORT_S = 1.0

app = typer.Typer(help="Replay a recorded plant as an OPC UA or Modbus server.")


@app.callback()
def _group() -> None:
    """Replay a recorded plant as an OPC UA or Modbus server."""


@app.command("run")
def run(
    site: Annotated[Path, typer.Option("--site", help="Site file with a recording.")],
    port: Annotated[int, typer.Option("--port", help="Port to listen on.", min=1, max=65_535)],
    state: Annotated[Path, typer.Option("--state", help="File that says how far the replay is.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    speed: Annotated[
        float | None, typer.Option("--speed", help="Recorded seconds in one second; unset is as fast as it is read.")
    ] = None,
) -> None:
    """Serve a site's recording until stopped; holds while nobody reads it, stands still when it is over."""
    from examples.plant.recording import read_recording

    if speed is not None and not speed > 0:
        raise InputError("`--speed` is wrong", expected="a number above 0", received=speed)
    form, warnings = load_site(site)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    asyncio.run(_serve(_replay(read_recording(form, site.parent), host, port, speed), state))


def _replay(plant: Plant, host: str, port: int, speed: float | None) -> Replay:
    if plant.site.protocol == "opcua":
        from examples.plant.opcua import OpcUaReplay

        return OpcUaReplay(plant, host=host, port=port, speed=speed)
    from examples.plant.modbus import ModbusReplay

    return ModbusReplay(plant, host=host, port=port, speed=speed)


async def _serve(replay: Replay, state: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await replay.start()
    try:
        while not stopped.is_set():
            _report(state, replay)
            try:
                await asyncio.wait_for(stopped.wait(), _REPORT_S)
            except TimeoutError:
                continue
    finally:
        _report(state, replay)
        await replay.stop()


def _report(state: Path, replay: Replay) -> None:
    from examples.plant.progress import write_progress

    try:
        write_progress(state, replay.progress())
    except OSError as error:
        raise InputError("state file cannot be written", received=error.strerror, where=str(state)) from error
