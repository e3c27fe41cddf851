"""What walks through a pipeline: a table whose rows know where they came from, and the rows that were refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from bridge.etl.compute import pc

ROW = "__row__"
"""Hidden column: place of the row in its input, from 1; null once rows have become one."""
REASON = "reject_reason"
"""A Python step refuses a row by writing why into a column of this name."""
_LONGEST_RECORD = 4000


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row.

    Attributes:
        row: its place in the input, from 1; None if it stands for several.
        reason: why, for people.
        record: the row as it was then, JSON.
    """

    row: int | None
    reason: str
    record: str


@dataclass(slots=True)
class Frame:
    """Rows that are still welcome, and the others.

    Attributes:
        table: with the column `ROW`.
        rejects: refused rows with their reason.
        filtered: rows that a filter or a step left out on purpose.
    """

    table: pa.Table
    rejects: list[Reject] = field(default_factory=list[Reject])
    filtered: int = 0

    @classmethod
    def of(cls, table: pa.Table, rejects: list[Reject] | None = None) -> Frame:
        """Number the rows of an input."""
        return cls(table.append_column(ROW, pa.array(np.arange(1, table.num_rows + 1))), rejects or [])

    def keep(self, mask: Any) -> None:
        """Leave out the rows for which the mask is not true."""
        before = self.table.num_rows
        self.table = self.table.filter(mask, null_selection_behavior="drop")
        self.filtered += before - self.table.num_rows

    def reject(self, mask: Any, reason: str) -> None:
        """Refuse the rows for which the mask is true."""
        mask = pc.fill_null(mask, fill_value=False)
        refused = self.table.filter(mask)
        if refused.num_rows:
            self.rejects.extend(Reject(row.get(ROW), reason, written(row)) for row in refused.to_pylist())
            self.table = self.table.filter(pc.invert(mask))


def written(row: dict[str, object]) -> str:
    """A row as JSON, cut where it is endless."""
    return json.dumps({name: value for name, value in row.items() if name != ROW}, default=str)[:_LONGEST_RECORD]
