"""What is known about Modbus devices, as data; every number with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.contracts.device import ModbusOptions
from core.contracts.quality import (
    BAD_COMMUNICATION_ERROR,
    BAD_DEVICE_FAILURE,
    BAD_NO_COMMUNICATION,
    BAD_NOT_SUPPORTED,
    BAD_OUT_OF_RANGE,
    BAD_TIMEOUT,
)


@dataclass(frozen=True, slots=True)
class ModbusProfile:
    """Limits of a device, and patience with it."""

    max_registers: int
    """Registers of one read."""
    max_bits: int
    """Coils or discrete inputs of one read."""
    max_gap: int
    """Registers read in vain to save a request."""
    request_timeout_s: float
    slow_answer_s: float
    """A unit that takes longer to answer gets a connection of its own, and in any case a quarter of a line's time."""
    max_connections: int
    """Connections to one device, that of all units among them."""
    first_rest_s: float
    """How long a unit that did not answer is left alone at first; doubles from time to time."""
    longest_rest_s: float
    rejoin_after_s: float
    """Reads that fell into parts are tried whole again after so long."""

    def limit(self, table: str) -> int:
        """Most that one read of a table may ask for."""
        return self.max_bits if table in ("coil", "discrete") else self.max_registers

    def gap(self, table: str) -> int:
        """Most that one read of a table may ask for in vain; a bit is a sixteenth of a register."""
        return 16 * self.max_gap if table in ("coil", "discrete") else self.max_gap


STANDARD = ModbusProfile(
    max_registers=125,  # MODBUS Application Protocol V1.1b3, sections 6.3 and 6.4
    max_bits=2_000,  # the same, sections 6.1 and 6.2
    max_gap=16,  # at 19,200 baud 16 registers take 18 ms, about what a request, its answer and both pauses cost
    request_timeout_s=3.0,  # a poll cycle of a second must notice a dead device within a few cycles
    slow_answer_s=0.5,
    max_connections=4,  # MODBUS Messaging on TCP/IP V1.0b, section 4.2: a server has a pool of them; few have fewer
    first_rest_s=1.0,
    longest_rest_s=30.0,
    rejoin_after_s=600.0,
)


_SAID = {"request_timeout_s", "max_registers", "max_bits", "max_gap", "max_connections"}


def profile_of(options: ModbusOptions | None) -> ModbusProfile:
    """The standard profile with what a site file says otherwise."""
    if options is None:
        return STANDARD
    said = options.model_dump(include=_SAID, exclude_none=True)
    return replace(STANDARD, **said)


@dataclass(frozen=True, slots=True)
class Meaning:
    """Why a value is missing, in words and as the quality of the sample that takes its place.

    Attributes:
        name: as the standard calls it.
        quality: OPC UA status code.
        of_address: a part of what was asked for may be there; the read is worth being taken apart.
        of_path: nobody answered for the unit; the line should not wait for it again at once.
    """

    name: str
    quality: int
    of_address: bool = False
    of_path: bool = False


# MODBUS Application Protocol V1.1b3, section 7; status codes from OPC UA Part 6, annex A.
EXCEPTIONS = {
    1: Meaning("illegal function", BAD_NOT_SUPPORTED),
    2: Meaning("illegal data address", BAD_OUT_OF_RANGE, of_address=True),
    3: Meaning("illegal data value", BAD_OUT_OF_RANGE, of_address=True),
    4: Meaning("server device failure", BAD_DEVICE_FAILURE, of_address=True),
    5: Meaning("acknowledge, still working", BAD_COMMUNICATION_ERROR),
    6: Meaning("server device busy", BAD_COMMUNICATION_ERROR),
    7: Meaning("negative acknowledge", BAD_COMMUNICATION_ERROR),
    8: Meaning("memory parity error", BAD_DEVICE_FAILURE),
    10: Meaning("gateway path unavailable", BAD_NO_COMMUNICATION, of_path=True),
    11: Meaning("gateway target device failed to respond", BAD_NO_COMMUNICATION, of_path=True),
}
UNKNOWN_EXCEPTION = Meaning("unknown exception", BAD_COMMUNICATION_ERROR)
SILENT = Meaning("no answer in time", BAD_TIMEOUT, of_path=True)
GONE = Meaning("connection to the device is lost", BAD_NO_COMMUNICATION)
