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
    ("text", "address", "count"),
    [
        ("1/coil/5", ModbusAddress(1, "coil", 5, "bit"), 1),
        ("1/discrete/65535", ModbusAddress(1, "discrete", 65_535, "bit"), 1),
        ("1/holding/0/uint64", ModbusAddress(1, "holding", 0, "uint64"), 4),
        ("1/holding/0/uint16[3]", ModbusAddress(1, "holding", 0, "uint16", (3, 3)), 1),
        ("1/holding/0/uint32[4..19]/cdab", ModbusAddress(1, "holding", 0, "uint32", (4, 19), "cdab"), 2),
        ("1/holding/0/float32/dcba", ModbusAddress(1, "holding", 0, "float32", None, "dcba"), 2),
        ("1/holding/0/string7", ModbusAddress(1, "holding", 0, "string7"), 4),
    ],
)
def test_bits_texts_and_orders(text: str, address: ModbusAddress, count: int) -> None:
    assert parse_address(text, where="here") == address
    assert address.count == count


def test_an_address_without_an_order_takes_the_sites() -> None:
    assert parse_address("1/holding/0/int32", where="here", order="badc").order == "badc"
    assert parse_address("1/holding/0/int32/abcd", where="here", order="badc").order == "abcd"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "40001",
        "1/coil/0/int16",
        "1/coil/65536",
        "1/holding/65535/float32",
        "1/holding/0/bool",
        "1/holding/0/bit",
        "1/holding/0/string0",
        "1/holding/0/string251",
        "1/holding/0/int16[1]",
        "1/holding/0/uint16[16]",
        "1/holding/0/uint16[5..3]",
        "1/holding/0/int32/acbd",
        "256/holding/0/int16",
    ],
)
def test_anything_else_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(InputError, match=r"holding\|input.*float64.*coil\|discrete") as refusal:
        parse_address(text, where="loop, p1.flow")
    assert refusal.value.received == text
    assert refusal.value.where == "loop, p1.flow"
