"""Machines and their signals as a site file says them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from core.contracts.device import Deadband
from core.contracts.writing import WriteRule

SignalName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
EquipmentId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")]
_OF_A_DEVICE = ("address", "column", "deadband", "element", "offset", "scale", "write")
_RANGE = re.compile(r"^(?P<head>[^\[\]]*)\[(?P<first>\d+)\.\.(?P<last>\d+)\](?P<tail>[^\[\]]*)$")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(StrEnum):
    """What a signal tells about its equipment; the only way gold learns how to compute KPIs."""

    RUNNING = "running"
    SPEED = "speed"
    COUNT = "count"
    GOOD = "good"
    FAULT = "fault"


class Signal(_Model):
    """One signal of one equipment type."""

    name: SignalName
    unit: str = "1"
    address: str | None = None
    """Where the device keeps it, in the grammar of the protocol's driver; derived when there is a recording."""
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    """What the device's number is multiplied with to give the signal's unit."""
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """What is added after `scale`."""
    deadband: Deadband | None = None
    """OPC UA: the server keeps smaller changes to itself. Off, because the historian keeps full resolution."""
    element: int | None = Field(default=None, ge=0)
    """OPC UA: which element of an array is the signal, from 0."""
    column: str | int | None = None
    """Column of the recording; unset means the signal's own name."""
    role: Role | None = None
    derived: bool = False
    """No device has it: a pipeline or an edge rule on site makes it."""
    write: WriteRule | None = None
    """Leave to write it, on site and within limits; unset means that it cannot be written."""

    @field_validator("scale")
    @classmethod
    def _scale_can_be_undone(cls, value: float) -> float:
        if value == 0:
            raise ValueError("a scale of 0 makes every value the same")
        return value

    @model_validator(mode="after")
    def _derived_has_no_device(self) -> Signal:
        if self.derived:
            for name in _OF_A_DEVICE:
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"a derived signal has no {name!r}: no device has it")
        return self


class Equipment(_Model):
    """One machine, or a numbered row of equal ones: `engine-[001..100]`."""

    id: str
    type: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    endpoint: str | None = None
    """The machine's own device; unset means the site's."""
    area: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None
    """Part of the site it stands in (ISA-95 area)."""
    line: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None
    """Line it belongs to (ISA-95 production line)."""
    signals: tuple[Signal, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Equipment:
        names = [signal.name for signal in self.signals]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"signal listed twice: {', '.join(twice)}")
        return self


class Unit(_Model):
    """One machine of a row after its range was written out."""

    id: EquipmentId
    type: str
    signals: tuple[Signal, ...]
    number: int | None
    """Its number in the range, which the recording's unit column holds; None for a single machine."""
    area: str | None = None
    line: str | None = None


def expand(entry: Equipment) -> list[Unit]:
    """The machines that one entry stands for."""
    match = _RANGE.match(entry.id)
    if match is None:
        return [_unit(entry, entry.id, None)]
    first, last, width = int(match["first"]), int(match["last"]), len(match["first"])
    return [_unit(entry, f"{match['head']}{n:0{width}d}{match['tail']}", n) for n in range(first, last + 1)]


def _unit(entry: Equipment, id: str, number: int | None) -> Unit:
    return Unit(id=id, type=entry.type, signals=entry.signals, number=number, area=entry.area, line=entry.line)
