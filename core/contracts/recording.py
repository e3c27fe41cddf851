"""A recording of a site: what a replay serves as if it were the plant."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimestampColumn(_Model):
    """Timestamps stand in the recording."""

    column: str | int
    format: str


class TimestampClock(_Model):
    """The recording has no clock: rows follow each other at a fixed distance."""

    every_s: float = Field(gt=0)
    start: datetime


class Labels(_Model):
    """Truth of a recording: never streamed, only used to score."""

    columns: tuple[str, ...] = ()
    intervals: tuple[tuple[datetime, datetime], ...] = ()


class Recording(_Model):
    """A file, or a glob of files, that a replay serves as if it were the plant."""

    path: str
    format: Literal["csv", "json"] = "csv"
    delimiter: str = ","
    """One character, or `whitespace`."""
    header: bool = True
    """False: columns are named by their position, from 0."""
    timestamp: TimestampColumn | TimestampClock
    unit_column: str | int | None = None
    """Column that holds the number of the machine a row belongs to; needed for a row of machines."""
    align: Literal["start", "end"] = "start"
    """Where machines of different length meet, when the clock is `every_s`."""
    labels: Labels | None = None
    history: str | None = None
    """A second file of the same shape, loaded as history and never streamed."""
    truth: str | None = None
    """A file that only scores: one number a machine."""
