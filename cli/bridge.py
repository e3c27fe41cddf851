"""`platform bridge`: run the on-site application, and look at its books."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import bridge_etl, bridge_rules, bridge_secrets, bridge_service
from cli.bridge_doctor import doctor
from cli.bridge_tools import COMMANDS
from core.settings import load_settings

if TYPE_CHECKING:
    from core.contracts.data_contract import DataContract
    from core.contracts.site import SiteFile

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.add_typer(bridge_secrets.app, name="secret", help="Passwords and keys of devices, sealed on site.")
app.add_typer(bridge_rules.app, name="rules", help="Edge rules of the site and where their events stand.")
app.add_typer(bridge_rules.packages, name="packages", help="Signed packages of pipelines and rules.")
app.add_typer(bridge_etl.app, name="etl", help="Pipelines on site: what they loaded and what they refused.")
for command in (*COMMANDS, doctor, bridge_service.install, bridge_service.update, bridge_service.rollback):
    app.command()(command)


@app.command()
def run(
    site: Annotated[Path, typer.Option(help="Site file.")],
    contract: Annotated[Path, typer.Option(help="Data contract of the site.")],
    home: Annotated[Path, typer.Option(help="Folder for journal, books and outbox.")],
    gateway: Annotated[str, typer.Option(help="Address of the gateway, wss://HOST[:PORT][/PATH].")],
    key_file: Annotated[Path, typer.Option(help="File with the key this site was registered with.")],
    bridge_id: Annotated[str | None, typer.Option(help="Name of this bridge; SITE-bridge if not given.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Device to read instead of the site file's `endpoint`.")] = None,
) -> None:
    """Read a site's devices, keep everything on site, send what the contract lets leave; runs until stopped."""
    from bridge.app import run as run_bridge
    from bridge.config import BridgeConfig, read_key
    from bridge.etl.service import bridge_of
    from core.contracts.site import load_site

    known, warnings = load_site(site)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    if endpoint is not None:
        known = known.model_copy(update={"endpoint": endpoint})
    config = BridgeConfig(
        site=known,
        contract=_contract(contract, known, home),
        contract_file=contract,
        home=home,
        gateway=gateway,
        key=read_key(key_file),
        bridge_id=bridge_id or bridge_of(known),
        settings=load_settings().bridge,
    )

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await run_bridge(config, stop)

    asyncio.run(until_stopped())


def _contract(file: Path, site: SiteFile, home: Path) -> DataContract:
    """The contract of the file; where it is spoilt, the one that was in force: devices are read all the same."""
    from bridge.in_force import remembered
    from bridge.store import read_only
    from core.contracts.odcs import load_contract
    from core.errors import InputError

    try:
        return load_contract(file, site)
    except InputError as error:
        try:
            connection = read_only(home)
        except InputError:
            raise error from None
        try:
            known = remembered(connection)
        finally:
            connection.close()
        if known is None:
            raise
        typer.echo(f"error: {error}; the contract that was in force stays: {known[0].version}", err=True)
        return known[0]


@app.command()
def status(home: Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]) -> None:
    """Show how the bridge is, and its books: what was read, what left, what waits, what nobody read."""
    from rich.console import Console
    from rich.table import Table

    from bridge.books import read_books

    books = read_books(home)
    table = Table("", "readings", title=f"bridge {books.incarnation}")
    for name, number in asdict(books.totals).items():
        table.add_row(name, f"{number:,}")
    for name in ("sent", "unacknowledged_rows", "unacknowledged_batches", "journal_rows", "engine_lag"):
        table.add_row(name.replace("_", " "), f"{getattr(books, name):,}")
    table.add_row("gaps", f"{len(books.gaps):,}")
    Console().print(table)
    _say_health(home)
    typer.echo(f"outbox: {books.outbox_bytes / 1e6:,.1f} MB wait for the gateway")
    typer.echo(f"historian: {books.historian_bytes / 1e6:,.1f} MB in sealed files")


def _say_health(home: Path) -> None:
    from bridge.health import read_health

    looked = read_health(home)
    if looked is None:
        return
    at, now = looked
    started = f"running since {now.started_at:%Y-%m-%d %H:%M}"
    typer.echo(f"as of {at:%Y-%m-%d %H:%M:%S} UTC, version {now.version}, {started}")
    for one in now.drivers:
        since = f"connected since {one.connected_since:%Y-%m-%d %H:%M}" if one.connected_since else "away"
        typer.echo(f"device {one.endpoint or '-'}: {since}" + (f": {one.error}" if one.error else ""))
    oldest = "" if now.outbox_oldest_s is None else f", the oldest batch waits {now.outbox_oldest_s:,.0f} s"
    typer.echo(f"contract {now.contract}{oldest}")
    memory = f"memory {now.memory_bytes / 1e6:,.0f} MB"
    typer.echo(f"disk {now.disk_free_bytes / 1e9:,.1f} GB free, CPU {now.cpu_percent} %, {memory}")


@app.command()
def history(
    equipment: Annotated[str, typer.Argument(help="Machine.")],
    signal: Annotated[str, typer.Argument(help="Its signal, contracted or not: this stays on site.")],
    home: Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")],
    since: Annotated[datetime, typer.Option(help="First source time, UTC.")] = datetime(1970, 1, 1),
    until: Annotated[datetime, typer.Option(help="Source time to end before, UTC.")] = datetime(9999, 1, 1),
    last: Annotated[int, typer.Option(min=1, help="How many of the newest readings or windows at most.")] = 1000,
    every: Annotated[
        str | None, typer.Option(help="Windows of this length instead of readings, with every aggregate: PT15M.")
    ] = None,
) -> None:
    """Readings of one signal at full resolution, or windows of them, the newest last, as CSV."""
    import csv
    import sys

    from bridge.historian import count, newest

    stretch = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    if every is not None:
        _windows(home, (equipment, signal), stretch, every, last)
        return
    found = newest(home, (equipment, signal), stretch, last)
    if found.num_rows == last and (there := count(home, (equipment, signal), stretch)) > last:
        typer.echo(f"the newest {last:,} of {there:,}; --last N gives more", err=True)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.column_names)
    for row in found.to_pylist():
        writer.writerow([row["ts"].isoformat(), row["value"], row["text"], f"0x{row['quality']:08X}"])


def _windows(home: Path, series: tuple[str, str], stretch: tuple[datetime, datetime], every: str, last: int) -> None:
    """The newest windows as CSV; a cell without a good value is empty."""
    import csv
    import sys
    from datetime import timedelta

    from bridge.historian import windows
    from core.contracts.duration import parse_duration
    from core.errors import InputError

    try:
        every_us = parse_duration(every) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise InputError(
            "no length of a window", expected="ISO 8601: PT15M", received=every, where="--every"
        ) from error
    found = windows(home, series, stretch, every_us, last)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(found.column_names)
    for row in found.to_pylist():
        writer.writerow([row["start"].isoformat(), *list(row.values())[1:]])
