"""Registers to values, most significant word first (MODBUS Application Protocol V1.1b3, section 4.2)."""

from __future__ import annotations

import math
import struct

import pytest

from bridge.drivers.modbus.address import ModbusAddress
from bridge.drivers.modbus.decode import Layout, samples_of
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.quality import BAD_NO_DATA, GOOD


def words(form: str, *values: float) -> list[int]:
    raw = struct.pack(form, *values)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


@pytest.mark.parametrize(
    ("kind", "form", "value"),
    [
        ("int16", ">h", -2),
        ("uint16", ">H", 65_535),
        ("int32", ">i", -70_000),
        ("uint32", ">I", 4_000_000_000),
        ("int64", ">q", 1_700_000_000_123_456),
        ("float32", ">f", 1.5),
        ("float64", ">d", 0.1),
    ],
)
def test_every_type(kind: str, form: str, value: float) -> None:
    registers = [9, *words(form, value), 9]
    layout = Layout(100, len(registers), [("flow", ModbusAddress(1, "holding", 101, kind))])
    assert layout.decode(registers) == [value]


def test_fields_may_have_holes_between_them_and_overlap() -> None:
    registers = [1, 2, 3, 4]
    apart = [("a", ModbusAddress(1, "holding", 3, "uint16")), ("b", ModbusAddress(1, "holding", 0, "uint16"))]
    layout = Layout(0, 4, apart)
    assert dict(zip([f.signal for f in layout.fields], layout.decode(registers), strict=True)) == {"a": 4, "b": 1}
    over = [("a", ModbusAddress(1, "holding", 0, "uint16")), ("b", ModbusAddress(1, "holding", 0, "uint32"))]
    assert Layout(0, 4, over).decode(registers) == [1, 0x10002]


def test_a_hole_is_no_value_and_any_other_nan_is_one() -> None:
    hole = [HOLE_FLOAT32_BITS >> 16, HOLE_FLOAT32_BITS & 0xFFFF]
    registers = [*words(">q", 77), *hole, *words(">f", math.nan), *words(">f", 0.1)]
    places = [("", ModbusAddress(1, "holding", 0, "int64"))] + [
        (name, ModbusAddress(1, "holding", 4 + 2 * n, "float32")) for n, name in enumerate(("a", "b", "c"))
    ]
    layout = Layout(0, len(registers), places)
    values = layout.decode(registers)
    a, b, c = samples_of("p1", layout, registers, values, int(values[0]))
    assert (a.ts_us, a.value, a.quality) == (77, None, BAD_NO_DATA)
    assert b.value is not None
    assert math.isnan(b.value)
    assert b.quality == GOOD
    assert c.value == struct.unpack(">f", struct.pack(">f", 0.1))[0]
