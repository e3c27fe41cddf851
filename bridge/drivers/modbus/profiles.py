"""What is known about Modbus devices, as data; every number with its source."""

from __future__ import annotations

from dataclasses import dataclass

from core.contracts.quality import BAD_COMMUNICATION_ERROR, BAD_NO_COMMUNICATION, BAD_OUT_OF_RANGE

_BAD_NOT_SUPPORTED = 0x803D0000
_BAD_DEVICE_FAILURE = 0x808B0000


@dataclass(frozen=True, slots=True)
class ModbusProfile:
    """Limits of a device."""

    max_registers: int
    """Registers of one read."""
    request_timeout_s: float
    retries: int


STANDARD = ModbusProfile(
    max_registers=125,  # MODBUS Application Protocol V1.1b3, sections 6.3 and 6.4
    request_timeout_s=3.0,  # a poll cycle of a second must notice a dead device within a few cycles
    retries=1,
)


@dataclass(frozen=True, slots=True)
class ExceptionMeaning:
    """An exception response in words and as quality of the values it took the place of."""

    name: str
    quality: int


# MODBUS Application Protocol V1.1b3, section 7; status codes from OPC UA Part 6, annex A.
EXCEPTIONS = {
    1: ExceptionMeaning("illegal function", _BAD_NOT_SUPPORTED),
    2: ExceptionMeaning("illegal data address", BAD_OUT_OF_RANGE),
    3: ExceptionMeaning("illegal data value", BAD_OUT_OF_RANGE),
    4: ExceptionMeaning("server device failure", _BAD_DEVICE_FAILURE),
    5: ExceptionMeaning("acknowledge, still working", BAD_COMMUNICATION_ERROR),
    6: ExceptionMeaning("server device busy", BAD_COMMUNICATION_ERROR),
    8: ExceptionMeaning("memory parity error", _BAD_DEVICE_FAILURE),
    10: ExceptionMeaning("gateway path unavailable", BAD_NO_COMMUNICATION),
    11: ExceptionMeaning("gateway target device failed to respond", BAD_NO_COMMUNICATION),
}
UNKNOWN_EXCEPTION = ExceptionMeaning("unknown exception", BAD_COMMUNICATION_ERROR)
