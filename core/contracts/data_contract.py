"""The data contract of a site as edge, gateway and lake hold it; `core.contracts.odcs` reads the document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from core.contracts.duration import parse_duration

TIME_WEIGHTED_MEAN = "time_weighted_mean"
Aggregate = Literal["mean", "min", "max", "last", "count", "time_weighted_mean"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Deadband(_Model):
    """A value within this distance of the one last forwarded stays on site."""

    absolute: float | None = Field(default=None, gt=0)
    percent: float | None = Field(default=None, gt=0)
    """Percent of the magnitude of the value last forwarded."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.absolute is None) == (self.percent is None):
            raise ValueError("a deadband is either `absolute` or `percent`")
        return self

    def hides(self, last: float, value: float) -> bool:
        """True if `value` is too close to `last` to leave."""
        limit = self.absolute if self.absolute is not None else abs(last) * (self.percent or 0.0) / 100.0
        return abs(value - last) <= limit


class Window(_Model):
    """Aggregates over tumbling windows of source time, aligned to the epoch, left-closed."""

    every: str
    aggregates: tuple[Aggregate, ...] = Field(min_length=1)
    lateness: str | None = None
    """A window stays open this long behind the newest reading of its signal."""

    @field_validator("every", "lateness")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("aggregates")
    @classmethod
    def _are_different(cls, value: tuple[Aggregate, ...]) -> tuple[Aggregate, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each aggregate stands once")
        return value

    @property
    def every_us(self) -> int:
        """Length in microseconds."""
        return parse_duration(self.every) // timedelta(microseconds=1)

    @property
    def lateness_us(self) -> int:
        """Allowed lateness in microseconds."""
        return parse_duration(self.lateness) // timedelta(microseconds=1) if self.lateness else 0

    def signal_of(self, signal: str, aggregate: str) -> str:
        """Name of the derived signal, `<signal>:<aggregate>:<duration>`."""
        return f"{signal}:{aggregate}:{self.every}"


class Rule(_Model):
    """An edge rule: raises a fault when its condition begins to hold and clears it when it ends.

    The condition is checked on every good value of the signal, whether or not the signal may leave the site.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    equipment_type: str
    signal: str
    raise_when: Literal[">", ">=", "<", "<="]
    threshold: float
    clear_at: float | None = None
    """Hysteresis: clears on the far side of this value; unset means of the threshold."""
    fault_code: str
    severity: int = Field(ge=0, le=100)
    message: str

    def holds(self, value: float, *, raised: bool) -> bool:
        """Whether the fault stands after this value."""
        limit = self.clear_at if raised and self.clear_at is not None else self.threshold
        match self.raise_when:
            case ">":
                return value > limit
            case ">=":
                return value >= limit
            case "<":
                return value < limit
            case "<=":
                return value <= limit


@dataclass(frozen=True, slots=True)
class SignalContract:
    """What may leave of one signal of one equipment type."""

    equipment_type: str
    signal: str
    unit: str
    forward: bool
    deadband: Deadband | None
    sampling_us: int | None
    windows: tuple[Window, ...]
    minimum: float | None
    maximum: float | None
    description: str | None
    numeric: bool
    """The contract says number or integer: a text is no value of this signal."""

    def outgoing(self) -> list[str]:
        """Names of the signals that leave the site for this one."""
        derived = [w.signal_of(self.signal, a) for w in self.windows for a in w.aggregates]
        return ([self.signal] if self.forward else []) + derived


@dataclass(frozen=True, slots=True)
class DataContract:
    """A contract as the edge, the gateway and the lake read it."""

    id: str
    version: str
    sha256: str
    source: str
    """The YAML text, byte for byte what `sha256` covers."""
    signals: dict[tuple[str, str], SignalContract]
    """By (equipment type, signal)."""
    rules: tuple[Rule, ...]

    def outgoing(self, equipment_type: str) -> set[str]:
        """Every signal name that may leave for equipment of a type."""
        return {
            name for (kind, _), signal in self.signals.items() if kind == equipment_type for name in signal.outgoing()
        }
