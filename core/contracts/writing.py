"""What a site file says of a signal that may be written: without it a signal cannot be written at all."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interlock(_Model):
    """Another signal that must stand as said at the moment of writing, read from the device for it."""

    signal: str
    equipment: str | None = None
    """Unset: of the same machine."""
    must: Literal["=", "!=", "<", "<=", ">", ">="]
    value: _Finite

    def holds(self, value: float) -> bool:
        """Whether the condition stands at a value."""
        return bool(_COMPARE[self.must](value, self.value))

    @property
    def text(self) -> str:
        """As people read it."""
        return f"{self.signal} {self.must} {self.value:g}"


class WriteRule(_Model):
    """Limits of writing one signal, in the signal's own unit; all of them hold at once."""

    minimum: _Finite
    maximum: _Finite
    max_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Largest change that one write may make."""
    max_writes: int = Field(default=1, ge=1, le=10_000)
    """Writes in `per_s`, those that were not confirmed included."""
    per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    interlocks: tuple[Interlock, ...] = ()
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How far the value read afterwards may be from the one written."""
    confirm_within_s: Annotated[float, Field(gt=0, le=60)] = 3.0

    @model_validator(mode="after")
    def _range_is_one(self) -> WriteRule:
        if self.minimum > self.maximum:
            raise ValueError("`minimum` is above `maximum`")
        return self


def missing_interlock(rules: Mapping[tuple[str, str], WriteRule | None]) -> str | None:
    """The first interlock that names a signal which is not there; None if there is none.

    Args:
        rules: every (equipment, signal) of a site, with its rule if it has one.
    """
    for (machine, _), rule in rules.items():
        for one in rule.interlocks if rule is not None else ():
            if (one.equipment or machine, one.signal) not in rules:
                return f"{one.equipment or machine}.{one.signal}"
    return None
