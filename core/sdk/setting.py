"""One setting of a module as its manifest declares it, and what may be its value. Pure."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

SettingType = Literal["integer", "number", "boolean", "string", "object", "secret"]
_LONGEST = 10_000


class SettingForm(BaseModel):
    """One setting: its type, its default, and the range a tenant may choose from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: SettingType
    default: Any = None
    min: float | None = None
    max: float | None = None
    options: tuple[str, ...] | None = None
    locked: bool = False
    """Tenants cannot choose; the platform's administrator can."""

    @model_validator(mode="after")
    def _fits_itself(self) -> SettingForm:
        numeric = self.type in ("integer", "number")
        if not numeric and (self.min is not None or self.max is not None):
            raise ValueError("only a number has min and max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        if self.options is not None and (self.type != "string" or not self.options):
            raise ValueError("options lists the texts of a string")
        if self.type == "secret" and (self.default is not None or self.locked):
            raise ValueError("a secret has no default and is never locked: every tenant has its own")
        if self.type not in ("secret", "string") and self.default is None:
            raise ValueError("a setting that is no text and no secret needs a default")
        if self.default is not None and (problem := self.problem_of(self.default)):
            raise ValueError(f"the default is wrong: {problem}")
        return self

    def problem_of(self, value: object) -> str | None:
        """What is wrong with a value, as a sentence without the value; None if it fits."""
        match self.type:
            case "integer":
                return self._outside(value) if _is_integer(value) else "a whole number is expected"
            case "number":
                return self._outside(value) if _is_number(value) else "a number is expected"
            case "boolean":
                return None if isinstance(value, bool) else "true or false is expected"
            case "object":
                return self._odd_object(value)
            case "string" | "secret":
                return self._odd_text(value)

    def _outside(self, value: Any) -> str | None:
        if self.min is not None and value < self.min:
            return f"{self.min:g} or more is expected"
        if self.max is not None and value > self.max:
            return f"{self.max:g} or less is expected"
        return None

    def _odd_text(self, value: object) -> str | None:
        if not isinstance(value, str) or len(value) > _LONGEST:
            return f"a text of up to {_LONGEST} characters is expected"
        if self.options is not None and value not in self.options:
            return f"one of {', '.join(self.options)} is expected"
        return None

    def _odd_object(self, value: object) -> str | None:
        """An object has the keys of its default and values of the same kind; without a default it is free."""
        if not isinstance(value, dict):
            return "an object is expected"
        if not isinstance(self.default, dict) or value is self.default:
            return None
        if unknown := sorted(str(key) for key in value.keys() - self.default.keys()):
            return f"unknown key {unknown[0]}; known are {', '.join(self.default)}"
        if missing := sorted(self.default.keys() - value.keys()):
            return f"the key {missing[0]} is missing"
        for key, like in self.default.items():
            if _kind(value[key]) != _kind(like):
                return f"{key}: {_kind(like)} is expected"
        return None


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number" if math.isfinite(value) else "no number"
    kinds: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "nothing")
