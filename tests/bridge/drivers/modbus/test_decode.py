"""Registers to values, most significant word first (MODBUS Application Protocol V1.1b3, section 4.2)."""

from __future__ import annotations

import math
import struct

import pytest

from bridge.drivers.modbus.address import ModbusAddress, parse_address
from bridge.drivers.modbus.decode import Layout, Point, encode
from bridge.scaling import Scaling
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.quality import BAD_DECODING_ERROR, BAD_NO_DATA, GOOD, UNCERTAIN


def words(form: str, *values: float) -> list[int]:
    raw = struct.pack(form, *values)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


def point(address: str, signal: str = "flow", scaling: Scaling | None = None) -> Point:
    return Point("p1", signal, parse_address(address, where="test"), scaling)


def value_of(registers: list[int], one: Point) -> float | str | None:
    layout = Layout(one.address.register, len(registers), [one])
    (sample,) = layout.samples(registers, 77)
    assert sample[:3] == ("p1", one.signal, 77)
    return sample.text if sample.value is None else sample.value


@pytest.mark.parametrize(
    ("kind", "form", "value"),
    [
        ("int16", ">h", -2),
        ("uint16", ">H", 65_535),
        ("int32", ">i", -70_000),
        ("uint32", ">I", 4_000_000_000),
        ("int64", ">q", 1_700_000_000_123_456),
        ("uint64", ">Q", 2**64 - 2**11),
        ("float32", ">f", 1.5),
        ("float64", ">d", 0.1),
    ],
)
@pytest.mark.parametrize("order", ["abcd", "cdab", "badc", "dcba"])
def test_every_type_in_every_order(kind: str, form: str, value: float, order: str) -> None:
    raw = struct.pack(form, value)
    pairs = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    pairs = pairs[::-1] if order in ("cdab", "dcba") else pairs
    pairs = [pair[::-1] for pair in pairs] if order in ("badc", "dcba") else pairs
    registers = [int.from_bytes(pair, "big") for pair in pairs]
    one = point(f"1/holding/100/{kind}/{order}")
    assert value_of(registers, one) == value
    if abs(value) < 2**53:
        assert encode(value, one.address, None) == registers


@pytest.mark.parametrize(
    ("address", "registers", "value"),
    [
        ("1/holding/0/uint16[0]", [0b1010], 0),
        ("1/holding/0/uint16[15]", [0x8000], 1),
        ("1/holding/0/uint16[1..3]", [0b1010], 0b101),
        ("1/holding/0/uint32[12..19]", [0x000A, 0xB000], 0xAB),
        ("1/holding/0/uint32[12..19]/cdab", [0xB000, 0x000A], 0xAB),
        ("1/holding/0/string5", [0x4142, 0x4344, 0x4546], "ABCDE"),
        ("1/holding/0/string6", [0x4142, 0x2000, 0x4546], "AB"),
        ("1/holding/0/string4/badc", [0x4241, 0x4443], "ABCD"),
        ("1/holding/0/string4/cdab", [0x4142, 0x4344], "ABCD"),
        ("1/holding/0/string4/dcba", [0x4241, 0x4443], "ABCD"),
        ("1/coil/9", [1], 1.0),
    ],
)
def test_bit_fields_texts_and_coils(address: str, registers: list[int], value: float | str) -> None:
    assert value_of(registers, point(address)) == value


def test_a_text_that_is_none_is_bad_and_says_so() -> None:
    (sample,) = Layout(0, 1, [point("1/holding/0/string2")]).samples([0xFFFE], 1)
    assert (sample.value, sample.text, sample.quality) == (None, None, BAD_DECODING_ERROR)


def test_scale_and_offset_give_the_unit_and_tenths_stay_tenths() -> None:
    assert value_of([3], point("1/holding/0/int16", scaling=Scaling(0.1))) == 0.3
    assert value_of([0xFFFF], point("1/holding/0/int16", scaling=Scaling(2.0, 273.0))) == 271.0
    assert encode(0.3, point("1/holding/0/int16").address, Scaling(0.1)) == [3]


@pytest.mark.parametrize(("value", "kind"), [(70_000, "int16"), (-1, "uint16"), (0.5, "int16"), (math.nan, "int32")])
def test_a_value_that_does_not_fit_is_not_written(value: float, kind: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(value, ModbusAddress(1, "holding", 0, kind), None)


def test_points_may_have_holes_between_them_and_overlap() -> None:
    apart = [point("1/holding/3/uint16", "a"), point("1/holding/0/uint16", "b")]
    found = {one.signal: one.value for one in Layout(0, 4, apart).samples([1, 2, 3, 4], 0)}
    assert found == {"a": 4, "b": 1}
    over = [point("1/holding/0/uint16", "a"), point("1/holding/0/uint32", "b")]
    assert [one.value for one in Layout(0, 4, over).samples([1, 2, 3, 4], 0)] == [1, 0x10002]


@pytest.mark.parametrize("order", ["abcd", "cdab"])
def test_a_hole_is_no_value_and_any_other_nan_is_one(order: str) -> None:
    hole = [HOLE_FLOAT32_BITS >> 16, HOLE_FLOAT32_BITS & 0xFFFF]
    pairs = [hole, words(">f", math.nan), words(">f", 0.1)]
    registers = words(">q", 77) + [word for pair in pairs for word in (pair if order == "abcd" else pair[::-1])]
    clock = point("1/holding/0/int64", "")
    places = [clock] + [point(f"1/holding/{4 + 2 * n}/float32/{order}", name) for n, name in enumerate("abc")]
    layout = Layout(0, len(registers), places)
    assert layout.clock(registers, clock) == 77
    a, b, c = layout.samples(registers, 77, UNCERTAIN)
    assert (a.ts_us, a.value, a.quality) == (77, None, BAD_NO_DATA)
    assert b.value is not None
    assert math.isnan(b.value)
    assert b.quality == UNCERTAIN != GOOD
    assert c.value == struct.unpack(">f", struct.pack(">f", 0.1))[0]
