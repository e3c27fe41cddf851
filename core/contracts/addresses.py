"""Addresses of a site that has a recording but no addresses: replay and bridge derive them by the same function.

OPC UA: string node ids `ns=2;s=<equipment>/<signal>`. Modbus: every machine has one block of registers, the clock
(INT64, microseconds since the epoch, UTC) first, then one FLOAT32 a signal; blocks of 64 registers where they fit,
else 125, the most that one read may ask for (Modbus Application Protocol V1.1b3, section 6.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.contracts.equipment import Unit
from core.contracts.site import SiteFile
from core.errors import InputError

CLOCK_REGISTERS = 4
VALUE_REGISTERS = 2
HOLE_FLOAT32_BITS = 0x7FC0DEAD
"""A quiet NaN with this payload says "no value at this time"; any other NaN is a value the device computed.

Modbus has no quality, so the two need different bits. Compare registers, not floats: arithmetic may drop the payload.
"""
MAX_READ = 125
_REGISTERS = 65_536
_LAST_DEVICE = 247


@dataclass(frozen=True, slots=True)
class ModbusBlock:
    """Where one machine lives: all of it is served by one read."""

    equipment_id: str
    device_id: int
    start: int
    count: int
    clock_address: str
    value_addresses: dict[str, str]


def modbus_address(device_id: int, register: int, kind: str) -> str:
    """The written form `<device>/holding/<register>/<type>`."""
    return f"{device_id}/holding/{register}/{kind}"


def modbus_blocks(site: SiteFile) -> list[ModbusBlock]:
    """Derived blocks of every machine, in site order.

    Raises:
        InputError: a machine has more signals than one read carries, or the site more machines than devices hold.
    """
    units = site.units()
    widest = max(_needed(unit, site) for unit in units)
    size = 64 if widest <= 64 else MAX_READ
    per_device = _REGISTERS // size
    if len(units) > per_device * _LAST_DEVICE:
        raise InputError("too many machines for one Modbus endpoint", received=len(units), where=site.site)
    return [_block(unit, 1 + index // per_device, (index % per_device) * size) for index, unit in enumerate(units)]


def _needed(unit: Unit, site: SiteFile) -> int:
    count = CLOCK_REGISTERS + VALUE_REGISTERS * len(unit.signals)
    if count > MAX_READ:
        most = (MAX_READ - CLOCK_REGISTERS) // VALUE_REGISTERS
        raise InputError(
            "too many signals for one Modbus read",
            expected=f"at most {most} signals a machine",
            received=len(unit.signals),
            where=f"{site.site}, equipment {unit.id}",
        )
    return count


def _block(unit: Unit, device_id: int, start: int) -> ModbusBlock:
    first_value = start + CLOCK_REGISTERS
    return ModbusBlock(
        equipment_id=unit.id,
        device_id=device_id,
        start=start,
        count=CLOCK_REGISTERS + VALUE_REGISTERS * len(unit.signals),
        clock_address=modbus_address(device_id, start, "int64"),
        value_addresses={
            signal.name: modbus_address(device_id, first_value + VALUE_REGISTERS * place, "float32")
            for place, signal in enumerate(unit.signals)
        },
    )


def opcua_node_id(equipment_id: str, signal: str) -> str:
    """Derived node id of a signal."""
    return f"ns=2;s={equipment_id}/{signal}"
