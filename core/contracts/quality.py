"""OPC UA status codes, the one vocabulary of quality (OPC UA Part 4, section 7.39 and Part 6, annex A)."""

from __future__ import annotations

GOOD = 0x00000000
UNCERTAIN = 0x40000000
BAD = 0x80000000
BAD_COMMUNICATION_ERROR = 0x80050000
BAD_DECODING_ERROR = 0x80070000
BAD_TIMEOUT = 0x800A0000
BAD_INDEX_RANGE_NO_DATA = 0x80370000
BAD_OUT_OF_RANGE = 0x803C0000
BAD_NO_COMMUNICATION = 0x80310000
BAD_NOT_SUPPORTED = 0x803D0000
BAD_DEVICE_FAILURE = 0x808B0000
BAD_NO_DATA = 0x809B0000

CALCULATED = 0x00000401
"""InfoType DataValue with the historian bit Calculated (OPC UA Part 11, section 6.3): a value nobody measured."""
PARTIAL = 0x00000404
"""The historian bit Partial (OPC UA Part 11, section 6.3): calculated from a part of the time it is about."""

_SEVERITY = 0xC0000000


def is_good(code: int) -> bool:
    """True when the two severity bits say Good."""
    return code & _SEVERITY == GOOD


def is_bad(code: int) -> bool:
    """True when the two severity bits say Bad."""
    return code & BAD != 0
