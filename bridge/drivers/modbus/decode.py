"""Registers to values: pure functions on the words of one read.

A FLOAT32 with the bits of `HOLE_FLOAT32_BITS` says that the device has no value: null with BadNoData. Any other NaN
is a value the device sent and stays one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bridge.drivers.modbus.address import BIT, ModbusAddress
from bridge.scaling import Scaling
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.quality import BAD_DECODING_ERROR, BAD_NO_DATA, GOOD
from core.contracts.reading import Sample

CODES = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
CLOCK = ""
"""Name under which the clock stands among the points of a read."""
_HOLE = HOLE_FLOAT32_BITS.to_bytes(4, "big")
Number = int | float


@dataclass(frozen=True, slots=True)
class Point:
    """One signal of one machine and where it lies."""

    equipment_id: str
    signal: str
    address: ModbusAddress
    scaling: Scaling | None = None

    @property
    def series(self) -> tuple[str, str]:
        """Equipment and signal."""
        return self.equipment_id, self.signal

    @property
    def plain(self) -> bool:
        """A number that lies as the standard has it and means what it says."""
        address = self.address
        return address.order == "abcd" and address.bits is None and address.type in CODES and self.scaling is None


class Layout:
    """How the words of one read fall into values; points may overlap."""

    def __init__(self, start: int, count: int, points: Sequence[Point]) -> None:
        self.start, self.count = start, count
        self.points = sorted(points, key=lambda one: (one.address.register, one.equipment_id, one.signal))
        self._bits = self.points[0].address.type == BIT
        self._words = struct.Struct(f">{count}H")
        simple = all(point.plain for point in self.points) and _disjoint(self.points)
        self._values = struct.Struct(_format(self.points, start, count)) if simple else None

    def samples(self, registers: Sequence[int], ts_us: int, quality: int = GOOD) -> list[Sample]:
        """Samples of every signal of one read at one source time, the clock left out."""
        if self._bits:
            return [self._sample(point, float(registers[self._at(point)]), ts_us, quality) for point in self.points]
        raw = self._words.pack(*registers)
        if self._values is None:
            return [self._read(point, raw, ts_us, quality) for point in self.points if point.signal != CLOCK]
        made: list[Sample] = []
        for point, value in zip(self.points, self._values.unpack(raw), strict=True):
            if value != value and self._is_hole(point, raw):
                made.append(Sample(point.equipment_id, point.signal, ts_us, None, None, BAD_NO_DATA))
            elif point.signal != CLOCK:
                made.append(Sample(point.equipment_id, point.signal, ts_us, float(value), None, quality))
        return made

    def clock(self, registers: Sequence[int], place: Point) -> Number:
        """The number that a machine's clock shows."""
        return _number(place.address, self._bytes(place, self._words.pack(*registers)))

    def _read(self, point: Point, raw: bytes, ts_us: int, quality: int) -> Sample:
        if point.address.type.startswith("string"):
            return _text(point, self._bytes(point, raw), ts_us, quality)
        if self._is_hole(point, raw):
            return Sample(point.equipment_id, point.signal, ts_us, None, None, BAD_NO_DATA)
        return self._sample(point, _number(point.address, self._bytes(point, raw)), ts_us, quality)

    @staticmethod
    def _sample(point: Point, number: Number, ts_us: int, quality: int) -> Sample:
        value = float(number) if point.scaling is None else point.scaling.apply(number)
        return Sample(point.equipment_id, point.signal, ts_us, value, None, quality)

    def _at(self, point: Point) -> int:
        return point.address.register - self.start

    def _bytes(self, point: Point, raw: bytes) -> bytes:
        """The point's own bytes, most significant first."""
        at = 2 * self._at(point)
        return reorder(raw[at : at + 2 * point.address.count], point.address)

    def _is_hole(self, point: Point, raw: bytes) -> bool:
        return point.address.type == "float32" and self._bytes(point, raw) == _HOLE


def reorder(raw: bytes, address: ModbusAddress) -> bytes:
    """Bytes between the order of an address and most significant first; the same both ways.

    A text has no significance: of its order only the swap of bytes counts.
    """
    match address.order, address.type.startswith("string"):
        case "abcd", _:
            return raw
        case "badc", _:
            return _swapped(raw)
        case "cdab", False:
            return _swapped(raw[::-1])
        case "dcba", False:
            return raw[::-1]
        case order, _:
            return raw if order == "cdab" else _swapped(raw)


def _swapped(raw: bytes) -> bytes:
    swapped = bytearray(raw)
    swapped[0::2], swapped[1::2] = raw[1::2], raw[0::2]
    return bytes(swapped)


def _number(address: ModbusAddress, raw: bytes) -> Number:
    (number,) = struct.unpack(f">{CODES[address.type]}", raw)
    if address.bits is None:
        return number
    first, last = address.bits
    return (number >> first) & ((1 << (last - first + 1)) - 1)


def _text(point: Point, raw: bytes, ts_us: int, quality: int) -> Sample:
    size = int(point.address.type.removeprefix("string"))
    try:
        text = raw[:size].split(b"\0", 1)[0].decode().rstrip()
    except UnicodeDecodeError:
        return Sample(point.equipment_id, point.signal, ts_us, None, None, BAD_DECODING_ERROR)
    return Sample(point.equipment_id, point.signal, ts_us, None, text, quality)


def _disjoint(points: Sequence[Point]) -> bool:
    return all(a.address.end <= b.address.register for a, b in pairwise(points))


def _format(points: Sequence[Point], start: int, count: int) -> str:
    parts, at = [">"], start
    for point in points:
        parts.append("x" * (2 * (point.address.register - at)) + CODES[point.address.type])
        at = point.address.end
    parts.append("x" * (2 * (start + count - at)))
    return "".join(parts)


def encode(value: float, address: ModbusAddress, scaling: Scaling | None) -> list[int]:
    """The words that write a value.

    Raises:
        ValueError: the value does not fit the type.
    """
    number = value if scaling is None else scaling.invert(value)
    try:
        raw = struct.pack(f">{CODES[address.type]}", number if address.type.startswith("float") else _integer(number))
    except (struct.error, OverflowError) as error:
        raise ValueError(str(error)) from error
    raw = reorder(raw, address)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


def _integer(number: float) -> int:
    whole = round(number)
    if abs(whole - number) > 1e-6 * max(1.0, abs(number)):
        raise ValueError(f"{number!r} is not a whole number")
    return whole
