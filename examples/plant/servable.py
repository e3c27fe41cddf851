"""What a replay would refuse at its start, asked before anything is started: reads no network library."""

from __future__ import annotations

from bridge.drivers.opcua.address import parse_address
from core.contracts.addresses import modbus_blocks
from core.contracts.site import SiteFile
from core.errors import InputError
from examples.plant.recording import Plant
from examples.plant.registers import encode


def check_servable(plant: Plant) -> None:
    """Hold a recording against the protocol that is to serve it.

    Raises:
        InputError: the site does not fit Modbus, the recording has texts that Modbus cannot carry, or an address of
            the site file is no OPC UA node id.
    """
    if plant.site.protocol == "modbus":
        refuse_own_addresses(plant.site)
        modbus_blocks(plant.site)
        for one in plant.units:
            encode(one)
        return
    for unit in plant.site.units():
        for signal in unit.signals:
            if signal.address is not None:
                parse_address(signal.address, where=f"{plant.site.site}, {unit.id}.{signal.name}")


def refuse_own_addresses(site: SiteFile) -> None:
    """A Modbus replay derives every register.

    Raises:
        InputError: the site file names addresses.
    """
    own = next((s.name for entry in site.equipment for s in entry.signals if s.address is not None), None)
    if own is not None or site.clock is not None:
        raise InputError(
            "a Modbus replay lays out its registers itself",
            expected="no `address` and no `clock` beside a recording",
            received=own or "clock",
            where=site.site,
            next_step="remove them; bridge and replay derive them",
        )
