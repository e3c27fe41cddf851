"""The written form of a Modbus address."""

from __future__ import annotations

import pytest

from bridge.drivers.modbus.address import ModbusAddress, parse_address
from core.errors import InputError


def test_an_address_says_device_table_register_and_type() -> None:
    address = parse_address("7/input/100/int64", where="here")
    assert address == ModbusAddress(7, "input", 100, "int64")
    assert (address.count, address.end) == (4, 104)


@pytest.mark.parametrize(
    "text", ["", "40001", "1/coil/0/int16", "1/holding/65535/float32", "1/holding/0/bool", "256/holding/0/int16"]
)
def test_anything_else_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(InputError, match=r"holding\|input.*float64") as refusal:
        parse_address(text, where="loop, p1.flow")
    assert refusal.value.received == text
    assert refusal.value.where == "loop, p1.flow"
