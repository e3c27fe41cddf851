"""The written form of a Modbus address: `<device>/<table>/<register>/<type>`, for example `1/holding/4/float32`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import InputError

REGISTERS_OF_TYPE = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "float32": 2, "float64": 4}
_FORM = re.compile(r"^(?P<device>\d{1,3})/(?P<table>holding|input)/(?P<register>\d{1,5})/(?P<type>[a-z]+\d+)$")
_ACCEPTED = f"<device 0..255>/holding|input/<register 0..65535>/<{'|'.join(REGISTERS_OF_TYPE)}>"


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """Where a value lies; `register` is counted from 0 as on the wire."""

    device_id: int
    table: str
    register: int
    type: str

    @property
    def count(self) -> int:
        """Registers the value takes."""
        return REGISTERS_OF_TYPE[self.type]

    @property
    def end(self) -> int:
        """First register behind the value."""
        return self.register + self.count


def parse_address(text: str, *, where: str) -> ModbusAddress:
    """Read one address.

    Raises:
        InputError: it is written otherwise or lies outside the device.
    """
    match = _FORM.match(text)
    if match is None or match["type"] not in REGISTERS_OF_TYPE:
        raise _refusal(text, where)
    address = ModbusAddress(int(match["device"]), match["table"], int(match["register"]), match["type"])
    if address.device_id > 255 or address.end > 65_536:
        raise _refusal(text, where)
    return address


def _refusal(text: str, where: str) -> InputError:
    return InputError(
        "Modbus address cannot be read",
        expected=_ACCEPTED,
        received=text,
        where=where,
        next_step="correct `address` in the site file",
    )
