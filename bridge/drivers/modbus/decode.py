"""Registers to values: pure functions on the words of one read, most significant word first.

A FLOAT32 with the bits of `HOLE_FLOAT32_BITS` says that the device has no value: null with BadNoData. Any other NaN
is a value the device sent and stays one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.drivers.modbus.address import REGISTERS_OF_TYPE, ModbusAddress
from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.contracts.quality import BAD_NO_DATA, GOOD
from core.contracts.reading import Sample

_CODE = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "float32": "f", "float64": "d"}
_HOLE = HOLE_FLOAT32_BITS.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a read: its signal (the empty name is the clock) and its place."""

    signal: str
    offset: int
    type: str


class Layout:
    """How the words of one read fall into values; overlapping fields are allowed."""

    def __init__(self, start: int, count: int, addresses: Sequence[tuple[str, ModbusAddress]]) -> None:
        self.count = count
        placed = sorted((address.register - start, name, address.type) for name, address in addresses)
        self.fields = [Field(name, offset, kind) for offset, name, kind in placed]
        self._words = struct.Struct(f">{count}H")
        self._values = struct.Struct(_format(self.fields, count)) if _disjoint(self.fields) else None

    def decode(self, registers: Sequence[int]) -> list[float | int]:
        """Values in the order of `fields`."""
        raw = self._words.pack(*registers)
        if self._values is not None:
            return list(self._values.unpack(raw))
        return [struct.unpack_from(f">{_CODE[f.type]}", raw, f.offset * 2)[0] for f in self.fields]

    def is_hole(self, registers: Sequence[int], place: int) -> bool:
        """True if the field at `place` carries the bits that stand for no value."""
        field = self.fields[place]
        if field.type != "float32":
            return False
        return struct.pack(">2H", *registers[field.offset : field.offset + 2]) == _HOLE


def _disjoint(fields: Sequence[Field]) -> bool:
    ends = [field.offset + REGISTERS_OF_TYPE[field.type] for field in fields]
    return all(end <= after.offset for end, after in zip(ends, fields[1:], strict=False))


def _format(fields: Sequence[Field], count: int) -> str:
    parts, at = [">"], 0
    for field in fields:
        parts.append("x" * (2 * (field.offset - at)) + _CODE[field.type])
        at = field.offset + REGISTERS_OF_TYPE[field.type]
    parts.append("x" * (2 * (count - at)))
    return "".join(parts)


def samples_of(
    equipment_id: str, layout: Layout, registers: Sequence[int], values: Sequence[float | int], ts_us: int
) -> list[Sample]:
    """Samples of every signal of one read at one source time."""
    made: list[Sample] = []
    for place, (field, value) in enumerate(zip(layout.fields, values, strict=True)):
        if not field.signal:
            continue
        if value != value and layout.is_hole(registers, place):
            made.append(Sample(equipment_id, field.signal, ts_us, None, None, BAD_NO_DATA))
        else:
            made.append(Sample(equipment_id, field.signal, ts_us, float(value), None, GOOD))
    return made
