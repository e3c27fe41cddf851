"""What a tool returns: rows, where they came from, the window asked about, and the rows said in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.contracts.evidence import AnyEvidence

Value = str | int | float | bool | date | datetime | None
Row = dict[str, Any]


class Window(BaseModel):
    """Days that were asked about, both inclusive, UTC; None is open."""

    model_config = ConfigDict(frozen=True)

    first: date | None = None
    last: date | None = None


class Figure(BaseModel):
    """The one number a result comes down to, so that results for several periods or machines can be compared."""

    model_config = ConfigDict(frozen=True)

    name: str
    """What it is, in words: `mean oil temperature`."""
    value: float
    unit: str | None = None
    of: str
    """Machine it belongs to."""


class ToolResult(BaseModel):
    """Typed result of every tool that reads data.

    Every number in `rows` and `findings` is found again when the queries in `evidence` are run at their versions; of
    rows read on site, evidence says where and when.
    """

    model_config = ConfigDict(frozen=True)

    rows: list[Row] = []
    evidence: Sequence[AnyEvidence] = []
    window: Window | None = None
    findings: list[str] = []
    """The rows as plain sentences: dates, values, units, intervals, names."""
    definitions: dict[str, str] = {}
    """What a column means, where its name does not say."""
    happened: bool | None = None
    """Yes or no, if what was asked about is something that happens: a fault in a period, an incident before."""
    figure: Figure | None = None
    truncated: bool = False
    """More rows match than were returned."""
    found: bool = Field(default=True)
    """False if nothing matched; `findings` then says what there is instead."""
