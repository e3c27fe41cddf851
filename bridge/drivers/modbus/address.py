"""The written form of a Modbus address.

`<device>/<table>/<register>/<type>[<bits>][/<order>]` in the register tables, `<device>/<table>/<number>` in the bit
tables; for example `1/holding/4/float32`, `1/input/10/uint16[3]`, `7/holding/20/int32/cdab`, `1/coil/5`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InputError

REGISTERS_OF_TYPE = {
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "int64": 4,
    "uint64": 4,
    "float32": 2,
    "float64": 4,
}
BIT_TABLES = ("coil", "discrete")
BIT = "bit"
_STRING = re.compile(r"^string(?P<bytes>\d{1,3})$")
_LONGEST_STRING = 250
"""Bytes of the 125 registers that one read carries."""
_REGISTERS = re.compile(
    r"^(?P<device>\d{1,3})/(?P<table>holding|input)/(?P<register>\d{1,5})/(?P<type>[a-z]+\d+)"
    r"(?:\[(?P<first>\d{1,2})(?:\.\.(?P<last>\d{1,2}))?\])?(?:/(?P<order>abcd|cdab|badc|dcba))?$"
)
_BITS = re.compile(r"^(?P<device>\d{1,3})/(?P<table>coil|discrete)/(?P<register>\d{1,5})$")
_ACCEPTED = (
    f"<device 0..255>/holding|input/<register 0..65535>/<{'|'.join(REGISTERS_OF_TYPE)}|string<bytes 1..250>>"
    "[<bit>] or [<first bit>..<last bit>] of an unsigned integer, /<abcd|cdab|badc|dcba>;"
    " or <device>/coil|discrete/<number 0..65535>"
)


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """Where a value lies; `register` is counted from 0 as on the wire.

    Attributes:
        device_id: unit behind the endpoint.
        table: `holding`, `input`, `coil` or `discrete`.
        register: first register, or the number of the bit.
        type: as it is written, `bit` in the bit tables.
        bits: first and last bit of a bit field, 0 the least significant; None is the whole value.
        order: see `core.contracts.device.Order`.
    """

    device_id: int
    table: str
    register: int
    type: str
    bits: tuple[int, int] | None = None
    order: str = "abcd"

    @property
    def count(self) -> int:
        """Registers, or bits of a bit table, that the value takes."""
        return registers_of(self.type)

    @property
    def end(self) -> int:
        """First register behind the value."""
        return self.register + self.count

    def __str__(self) -> str:
        place = f"{self.device_id}/{self.table}/{self.register}"
        return place if self.type == BIT else f"{place}/{self.type}"


def registers_of(kind: str) -> int:
    """Registers that a value of a type takes; 0 if there is no such type."""
    if kind == BIT:
        return 1
    text = _STRING.match(kind)
    if text is None:
        return REGISTERS_OF_TYPE.get(kind, 0)
    size = int(text["bytes"])
    return (size + 1) // 2 if 1 <= size <= _LONGEST_STRING else 0


def parse_address(text: str, *, where: str, order: str = "abcd") -> ModbusAddress:
    """Read one address.

    Args:
        text: as the site file has it.
        where: signal, for the error.
        order: of an address that names none.

    Raises:
        InputError: it is written otherwise or lies outside the device.
    """
    address = _of_bits(text) or _of_registers(text, order)
    if address is None or address.device_id > 255 or address.end > 65_536:
        raise InputError(
            "Modbus address cannot be read",
            expected=_ACCEPTED,
            received=text,
            where=where,
            next_step="correct `address` in the site file",
        )
    return address


def _of_bits(text: str) -> ModbusAddress | None:
    match = _BITS.match(text)
    return ModbusAddress(int(match["device"]), match["table"], int(match["register"]), BIT) if match else None


def _of_registers(text: str, order: str) -> ModbusAddress | None:
    match = _REGISTERS.match(text)
    if match is None or not registers_of(match["type"]):
        return None
    bits: tuple[int, int] | None = None
    if match["first"] is not None:
        bits = int(match["first"]), int(match["last"] or match["first"])
        width = 16 * registers_of(match["type"])
        if not match["type"].startswith("uint") or not bits[0] <= bits[1] < width:
            return None
    place = int(match["device"]), match["table"], int(match["register"])
    return ModbusAddress(*place, match["type"], bits, match["order"] or order)
