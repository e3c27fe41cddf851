"""The form of a file of edge rules."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from core.contracts.duration import parse_duration
from core.contracts.equipment import EquipmentId, SignalName

RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ModelFile = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}\.json$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@cache
def us_of(text: str | None) -> int:
    """Microseconds of a duration; 0 if there is none."""
    return parse_duration(text) // timedelta(microseconds=1) if text else 0


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Form):
    """Raised beyond a limit for as long as `for` says; cleared once the value is back by `hysteresis`."""

    above: Finite | None = None
    below: Finite | None = None
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    lasting: str | None = Field(default=None, alias="for")

    @field_validator("lasting")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        us_of(value)
        return value

    @model_validator(mode="after")
    def _there_is_a_limit(self) -> Limits:
        if self.above is None and self.below is None:
            raise ValueError("name `above`, `below` or both")
        if self.above is not None and self.below is not None and self.above - self.below < 2 * self.hysteresis:
            raise ValueError("`above` and `below` are too close for this hysteresis: it could never clear")
        return self


class Rate(Limits):
    """Limits of the change a second, from one good value to the next, or to the first that is `over` later."""

    over: str | None = None

    @field_validator("over")
    @classmethod
    def _over_is_duration(cls, value: str | None) -> str | None:
        us_of(value)
        return value


class Stuck(_Form):
    """Raised when good values stay `within` a distance of each other for so long; cleared by the next that does not."""

    lasting: str = Field(alias="for")
    within: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    @field_validator("lasting")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        us_of(value)
        return value


class Anomaly(Limits):
    """Limits of the score that a model gives, which lies as a file in the folder `models`."""

    model: ModelFile
    score: SignalName | None = None
    """Derived signal that the score itself becomes."""


class EdgeRule(_Form):
    """One rule, for every machine of a type or for those it names."""

    rule: RuleName
    equipment_type: str | None = None
    equipment: tuple[EquipmentId, ...] = ()
    signal: SignalName | None = None
    signals: tuple[SignalName, ...] = ()
    """Of a model that looks at several."""
    event: SignalName
    """Derived signal: 1 when the condition begins to stand, 0 when it ends."""
    threshold: Limits | None = None
    rate: Rate | None = None
    stuck: Stuck | None = None
    anomaly: Anomaly | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> EdgeRule:
        if (self.equipment_type is None) == (not self.equipment):
            raise ValueError("name `equipment_type` or `equipment`")
        conditions = [one for one in (self.threshold, self.rate, self.stuck, self.anomaly) if one is not None]
        if len(conditions) != 1:
            raise ValueError("name one of threshold, rate, stuck, anomaly")
        if (self.signal is None) == (not self.signals):
            raise ValueError("name `signal` or `signals`")
        if self.signals and self.anomaly is None:
            raise ValueError("`signals` is for a model: every other condition looks at one `signal`")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Signals it looks at."""
        return self.signals or ((self.signal,) if self.signal else ())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Derived signals it makes."""
        score = self.anomaly.score if self.anomaly else None
        return (self.event, score) if score else (self.event,)


class RuleFile(_Form):
    """A file of rules."""

    rules: tuple[EdgeRule, ...] = Field(min_length=1)
