"""A connection of one's own to a site's devices, beside a running bridge or without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bridge.driver import Driver, Series
from bridge.drivers import driver_for
from bridge.store import runs
from bridge.tools.devices import Devices
from bridge.vault import Secrets
from core.contracts.equipment import Equipment
from core.contracts.site import SiteFile
from core.errors import InputError, NotFoundError


@asynccontextmanager
async def visiting(
    site: SiteFile, wanted: Collection[Series], home: Path, secrets: Secrets, *, write: bool = False
) -> AsyncGenerator[Devices]:
    """Connected to the devices behind some signals, for a block.

    Args:
        site: the whole site.
        wanted: signals that will be asked for.
        home: of the bridge; one that runs there has its serial line to itself.
        secrets: vault that holds what the devices want to know.
        write: give leave to write what the site file allows.

    Raises:
        NotFoundError: the site has no such signal.
        InputError: the endpoint cannot be worked with, or a running bridge has the line.
        DeviceLostError, DeviceRefusedError: a device cannot be reached, or refuses.
    """
    for machine, signal in wanted:
        if site.signal(machine, signal) is None:
            raise NotFoundError("no such signal", received=f"{machine}.{signal}")
    async with AsyncExitStack() as stack:
        by_machine: dict[str, Driver] = {}
        for part in site.measured().by_endpoint():
            machines = {unit.id for unit in part.units()} & {machine for machine, _ in wanted}
            if not machines:
                continue
            _check_line(part, home)
            driver = await stack.enter_async_context(
                driver_for(narrowed(part, wanted), secrets, writable_of(part) if write else ())
            )
            await driver.connect({}, 0.0)
            by_machine |= dict.fromkeys(machines, driver)
        yield Devices(site, by_machine)


def writable_of(site: SiteFile) -> frozenset[Series]:
    """Signals that the site file lets be written."""
    return frozenset((unit.id, one.name) for unit in site.units() for one in unit.signals if one.write is not None)


def narrowed(site: SiteFile, wanted: Collection[Series]) -> SiteFile:
    """A site with these signals only, where connecting subscribes to every signal there is."""
    if site.protocol != "opcua":
        return site
    entries = [
        Equipment(id=unit.id, type=unit.type, signals=signals)
        for unit in site.units()
        if (signals := tuple(one for one in unit.signals if (unit.id, one.name) in wanted))
    ]
    return site.model_copy(update={"equipment": tuple(entries)})


def _check_line(site: SiteFile, home: Path) -> None:
    serial = (site.endpoint or "").startswith("modbus-rtu:///")
    if serial and runs(home):
        raise InputError(
            "the running bridge has the serial line to itself",
            received=site.endpoint,
            where=str(home),
            next_step="stop the bridge for as long as it takes",
        )
