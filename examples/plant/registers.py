"""A machine's rows as Modbus registers: the clock as INT64, then one FLOAT32 a signal, high word first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.contracts.addresses import HOLE_FLOAT32_BITS
from core.errors import InputError
from examples.plant.cells import Column
from examples.plant.recording import UnitRecording

_NAN_BITS = 0x7FC00000
Registers = npt.NDArray[np.uint16]


def encode(one: UnitRecording) -> Registers:
    """Rows by registers, in the order of the derived block.

    Raises:
        InputError: the recording has a text, which no FLOAT32 carries.
    """
    clock = one.ts_us.astype(">i8").view(">u2").reshape(one.rows, 4)
    values = [_float_registers(one, signal.name, one.columns[signal.name]) for signal in one.unit.signals]
    return np.concatenate([clock, *values], axis=1).astype(np.uint16)


def _float_registers(one: UnitRecording, signal: str, column: Column) -> Registers:
    if column.texts:
        row, text = next(iter(column.texts.items()))
        raise InputError(
            "a text cannot travel over Modbus",
            expected="numbers only, or protocol: opcua",
            received=text,
            where=f"{one.unit.id}, signal {signal}, row {row + 1}",
        )
    with np.errstate(over="ignore"):  # beyond FLOAT32 is infinite, as in any device
        bits = column.numbers.astype(np.float32).view(np.uint32)
    bits = np.where(np.isnan(column.numbers), np.uint32(_NAN_BITS), bits)
    bits = np.where(column.present, bits, np.uint32(HOLE_FLOAT32_BITS))
    return bits.astype(">u4").view(">u2").reshape(one.rows, 2)
