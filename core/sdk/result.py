"""What a tool returns: rows, where they came from, the window asked about, and the rows said in plain words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.contracts.evidence import Evidence

Value = str | int | float | bool | date | datetime | None
Row = dict[str, Any]


class Window(BaseModel):
    """Days that were asked about, both inclusive, UTC; None is open."""

    model_config = ConfigDict(frozen=True)

    first: date | None = None
    last: date | None = None


class ToolResult(BaseModel):
    """Typed result of every tool that reads data.

    Every number in `rows` and `findings` is found again when the queries in `evidence` are run at their versions.
    """

    model_config = ConfigDict(frozen=True)

    rows: list[Row] = []
    evidence: list[Evidence] = []
    window: Window | None = None
    findings: list[str] = []
    """The rows as plain sentences: dates, values, units, intervals, names."""
    definitions: dict[str, str] = {}
    """What a column means, where its name does not say."""
    truncated: bool = False
    """More rows match than were returned."""
    found: bool = Field(default=True)
    """False if nothing matched; `findings` then says what there is instead."""
