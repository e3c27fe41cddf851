"""Arguments of the tools, checked on site whatever anybody has checked before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.contracts.data_contract import Aggregate
from core.contracts.duration import parse_duration
from core.contracts.equipment import EquipmentId, SignalName
from core.errors import InputError

Arguments = TypeVar("Arguments", bound=BaseModel)
MOST_ROWS = 1_000
"""Rows in one answer to the platform."""


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tag(_Arguments):
    """One signal of one machine."""

    equipment: EquipmentId
    signal: SignalName


class Selection(_Arguments):
    """Signals of one machine, or of all."""

    equipment: EquipmentId | None = None
    limit: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS)


class Stretch(_Arguments):
    """Readings of one signal over a time, as they are or in windows."""

    equipment: EquipmentId
    signal: SignalName
    since: AwareDatetime
    until: AwareDatetime | None = None
    """Unset: one day from `since`."""
    aggregate: Aggregate | None = None
    every: Annotated[str, Field(max_length=32)] | None = None
    """Length of a window, ISO 8601 as contracts have it."""
    limit: int = Field(default=200, ge=1, le=MOST_ROWS)
    order: Literal["newest"] = "newest"
    """Which are left out when there are more: the oldest."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.aggregate is None) != (self.every is None):
            raise ValueError("`aggregate` and `every` belong together")
        if self.every is not None:
            parse_duration(self.every)
        if self.span[0] >= self.span[1]:
            raise ValueError("`since` is not before `until`")
        return self

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From, and up to but not with, UTC."""
        since = self.since.astimezone(UTC)
        return since, self.until.astimezone(UTC) if self.until is not None else since + timedelta(days=1)

    @property
    def every_us(self) -> int:
        """Length of a window in microseconds; 0 without windows."""
        return parse_duration(self.every) // timedelta(microseconds=1) if self.every is not None else 0


def check(form: type[Arguments], raw: Mapping[str, Any]) -> Arguments:
    """Arguments of a form.

    Raises:
        InputError: one is missing, unknown or wrong; named with what it should be.
    """
    try:
        return form.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "the arguments"
        unknown = first["type"] == "extra_forbidden"
        raise InputError(
            f"unknown argument {name!r}" if unknown else f"argument {name!r} is wrong",
            expected=", ".join(sorted(form.model_fields)) if unknown else first["msg"],
            received=None if isinstance(first["input"], dict) else first["input"],
        ) from error
