"""`platform bridge read | snapshot | write | writes`: tools for whoever stands on site; everything is shown in full."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.settings import load_settings

if TYPE_CHECKING:
    from bridge.vault import BridgeVault

SiteOption = Annotated[Path, typer.Option(help="Site file.")]
HomeOption = Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]
EquipmentArgument = Annotated[str, typer.Argument(help="Machine.")]
SignalArgument = Annotated[str, typer.Argument(help="Its signal, contracted or not: this stays on site.")]


def read(
    equipment: EquipmentArgument,
    signal: SignalArgument,
    site: SiteOption,
    home: HomeOption,
) -> None:
    """Ask the device for one signal now, over a connection of its own."""
    from bridge.tools.reading import as_row, units_of
    from bridge.tools.visit import visiting
    from core import clock
    from core.contracts.site import load_site

    known, _ = load_site(site)

    async def ask() -> dict[str, Any]:
        async with visiting(known, [(equipment, signal)], home, _secrets(home)) as devices:
            sample = await devices.sample(equipment, signal)
            return as_row(sample, units_of(known)[equipment, signal], clock.now_us())

    _show([asyncio.run(ask())])


def snapshot(
    site: SiteOption,
    home: HomeOption,
    equipment: Annotated[str | None, typer.Option(help="Only this machine.")] = None,
) -> None:
    """The newest reading of every signal, with quality and age."""
    from bridge.tools.reading import as_row, units_of
    from bridge.tools.reading import snapshot as look
    from core import clock
    from core.contracts.site import load_site

    known, _ = load_site(site)
    found, units, now_us = look(known, home, equipment), units_of(known), clock.now_us()
    _show([as_row(one, units[one.equipment_id, one.signal], now_us) for one in found.samples])
    for machine, signal in found.silent:
        typer.echo(f"{machine}.{signal} has never been read", err=True)


def write(
    equipment: EquipmentArgument,
    signal: Annotated[str, typer.Argument(help="Its signal; the site file has to allow writing it.")],
    value: Annotated[float, typer.Argument(help="In the signal's own unit; put -- before a negative one.")],
    site: SiteOption,
    home: HomeOption,
    reason: Annotated[str, typer.Option(help="Why; stands in the log of writes.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write one signal of a device as the site file allows, and read it back. This moves real equipment."""
    import getpass

    from bridge.tools.write import Request, write_tag
    from core.contracts.site import load_site
    from core.errors import InputError

    if not reason.strip():
        raise InputError("a write needs a reason", where="--reason")
    known, _ = load_site(site)
    wanted = Request(equipment, signal, value, getpass.getuser(), reason.strip())
    if not yes:
        typer.confirm(f"write {value:g} to {equipment}.{signal} of {known.site}?", abort=True)
    done = asyncio.run(write_tag(known, home, _secrets(home), wanted))
    typer.echo(f"{equipment}.{signal}: {done.before:g} before, {done.after:g} after")


def writes(home: HomeOption) -> None:
    """The log of writes, oldest first; exit code 1 if it is not as it was written."""
    from rich.console import Console
    from rich.table import Table

    from bridge.tools.attempts import AttemptLog

    table = Table("at", "who", "signal", "value", "before", "after", "verdict", "why", "reason")
    for one in AttemptLog(home).all():
        numbers = ["" if number is None else f"{number:g}" for number in (one.value, one.before, one.after)]
        name = f"{one.equipment}.{one.signal}"
        at = one.at.isoformat(timespec="seconds")
        table.add_row(at, one.who, name, *numbers, one.verdict.value, one.why, one.reason)
    Console().print(table)


def _secrets(home: Path) -> BridgeVault:
    from bridge.vault import BridgeVault

    return BridgeVault(home, load_settings().bridge.vault_key_file)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("signal", "value", "unit", "quality", "age", "source time")
    for row in rows:
        shown = f"{row['value']:g}" if row["value"] is not None else row["text"] or "-"
        quality = row["quality"] if row["good"] else f"{row['quality']} not good"
        table.add_row(
            f"{row['equipment']}.{row['signal']}", shown, row["unit"], quality, f"{row['age_s']:,.1f} s", row["ts"]
        )
    Console().print(table)


COMMANDS = (read, snapshot, write, writes)
