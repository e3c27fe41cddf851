"""What a replay would refuse at its start, asked before anything is started: reads no network library."""

from __future__ import annotations

from bridge.drivers.opcua.address import NodeAddress, parse_address
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
                _refuse_what_is_looked_up(signal.address, f"{plant.site.site}, {unit.id}.{signal.name}")


def _refuse_what_is_looked_up(text: str, where: str) -> None:
    address = parse_address(text, where=where)
    if not isinstance(address, NodeAddress) or address.uri is not None:
        raise InputError(
            "a replay has no names to look up", expected="a node id, ns=<index>;s=<text>", received=text, where=where
        )


def refuse_own_addresses(site: SiteFile) -> None:
    """A Modbus replay derives every register.

    Raises:
        InputError: the site file names addresses.
    """
    own = next((s.name for entry in site.equipment for s in entry.signals if s.address is not None), None)
    if own is not None or site.clock is not None or site.modbus is not None:
        raise InputError(
            "a Modbus replay lays out its registers itself",
            expected="no `address`, no `clock` and no `modbus` beside a recording",
            received=own or ("clock" if site.clock else "modbus"),
            where=site.site,
            next_step="remove them; bridge and replay derive them",
        )
