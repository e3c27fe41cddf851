"""Rows to readings: of derived signals, at the row's own time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from bridge.etl.form import Readings
from bridge.etl.frame import ROW, Frame, Reject, written
from core.contracts.equipment import Signal
from core.contracts.quality import GOOD
from core.contracts.reading import Sample, to_us
from core.errors import InputError

Derived = Mapping[tuple[str, str], Signal]


def check_signals(target: Readings, derived: Derived, where: str) -> None:
    """A pipeline makes only what the site file says is made here.

    Raises:
        InputError: a signal is not a derived one of the machine.
    """
    machines = {target.equipment} if target.equipment else {machine for machine, _ in derived}
    for signal in target.signals.values():
        if not any((machine, signal) in derived for machine in machines if machine):
            raise InputError(
                "pipeline loads a signal that the site does not derive",
                expected=", ".join(sorted({f"{machine}/{name}" for machine, name in derived})) or "a derived signal",
                received=f"{target.equipment or '*'}/{signal}",
                where=where,
                next_step="add the signal with `derived: true` to the site file",
            )


def to_samples(frame: Frame, target: Readings, derived: Derived) -> tuple[list[Sample], int]:
    """Readings of the rows, and how many rows they come from; rows that cannot be one are refused.

    Raises:
        InputError: a column is missing, or the time is no timestamp.
    """
    needed = [target.time, *target.signals, *([target.equipment_column] if target.equipment_column else [])]
    for name in needed:
        if name not in frame.table.column_names:
            known = ", ".join(one for one in frame.table.column_names if one != ROW)
            raise InputError("column to load is not there", expected=known, received=name, where="load.readings")
    if not pa.types.is_timestamp(frame.table.schema.field(target.time).type):
        raise InputError(
            "column of times is not of timestamps",
            received=target.time,
            where="load.readings",
            next_step="cast it in `transform`",
        )
    samples: list[Sample] = []
    loaded = 0
    for row in frame.table.to_pylist():
        found = _samples(row, target, derived)
        if isinstance(found, str):
            frame.rejects.append(Reject(row.get(ROW), found, written(row)))
        else:
            loaded += 1
            samples.extend(found)
    return samples, loaded


def _samples(row: dict[str, Any], target: Readings, derived: Derived) -> list[Sample] | str:
    """Readings of one row, or why it is none; an empty cell is no reading."""
    machine: str | None = target.equipment or row[target.equipment_column or ""]
    time: datetime | None = row[target.time]
    if time is None:
        return f"{target.time!r} is empty"
    if time.tzinfo is None:
        return f"{target.time!r} has no time zone"
    found: list[Sample] = []
    for column, signal in target.signals.items():
        value = row[column]
        if value is None:
            continue
        if machine is None or (machine, signal) not in derived:
            return f"the site derives no {signal!r} of {machine!r}"
        if isinstance(value, str):
            found.append(Sample(machine, signal, to_us(time), None, value, GOOD))
        elif isinstance(value, bool | int | float):
            found.append(Sample(machine, signal, to_us(time), float(value), None, GOOD))
        else:
            return f"{column!r} is neither number nor text"
    return found
