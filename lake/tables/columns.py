"""Columns that several tables share: one meaning, one name, one declaration."""

from __future__ import annotations

import pyarrow as pa

from lake.spec import TIME, Column

TEXT = pa.string()
FLOAT = pa.float64()
INT = pa.int64()
DATE = pa.date32()
UNIT_IS = "column unit"
"""The unit of a value that stands in the row itself."""

MACHINE = (
    Column("site", TEXT, "site the machine stands on", nullable=False),
    Column("equipment_id", TEXT, "machine", nullable=False),
    Column("equipment_type", TEXT, "type of the machine", nullable=False),
)
SIGNAL = Column("signal", TEXT, "signal, or `<signal>:<aggregate>:<duration>` for a window", nullable=False)
UNIT = Column("unit", TEXT, "unit of the values of this row", nullable=False)
ROLE = Column("role", TEXT, "running, speed, count, good or fault; null for a signal without a role")
SAMPLE_TIME = Column("ts", TIME, "source clock; the start, for a window", nullable=False)
CHANGE_TIME = Column("ts", TIME, "source clock", nullable=False)
TEXT_VALUE = Column("text", TEXT, "value of a textual signal")
QUALITY = Column("quality", INT, "OPC UA status code (Part 4, 7.39)", nullable=False)
FAULT_CODE = Column("fault_code", TEXT, "code of the alarm or fault", nullable=False)
SEVERITY = Column("severity", pa.int32(), "score of 0 to 100", nullable=False)
STATE = Column("state", TEXT, "raised, cleared or acknowledged", nullable=False)
LANE = Column("lane", TEXT, "`<bridge>/<incarnation>/<lane>` that carried the row", nullable=False)
SEQ = Column("seq", INT, "number of its batch in the lane", nullable=False)
ROW_NO = Column("row_no", pa.int32(), "position of the row in the batch, from 0", nullable=False)
LATE = Column("late", pa.bool_(), "arrived after its day had been built", nullable=False)
RECEIVED_AT = Column("received_at", TIME, "clock of the gateway that took the batch", nullable=False)


def day(of: str | None = None) -> Column:
    """The partition column.

    Args:
        of: the column whose UTC day it is, with what to know about it; None where the row is about the day itself.
    """
    return Column("date", DATE, f"UTC day of {of}" if of else "UTC day", nullable=False)
