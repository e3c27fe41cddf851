"""How a site's devices are spoken to: what a site file may say under `modbus` and `opcua`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Order = Literal["abcd", "cdab", "badc", "dcba"]
"""How bytes of a value follow each other on the wire, `a` the most significant: `cdab` swaps words, `badc` bytes."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SerialLine(_Model):
    """A serial line; what is not said is as MODBUS over Serial Line V1.02, section 2.5.1 has it."""

    baud_rate: int = Field(default=19_200, ge=300, le=4_000_000)
    parity: Literal["even", "odd", "none"] = "even"
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8


class ModbusOptions(_Model):
    """What differs from the standard profile; unset means the profile's own."""

    order: Order = "abcd"
    """Order of every value whose address names none."""
    request_timeout_s: Positive | None = None
    max_registers: int | None = Field(default=None, ge=1, le=125)
    """Registers that the device serves in one read."""
    max_bits: int | None = Field(default=None, ge=1, le=2_000)
    """Coils or discrete inputs that the device serves in one read."""
    max_gap: int | None = Field(default=None, ge=0, le=124)
    """Registers that may be read in vain to save a request."""
    serial: SerialLine | None = None
