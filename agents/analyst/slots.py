"""Arguments of a chosen tool from what a clause names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from agents.analyst.choose import entity_of, parameters_of
from agents.analyst.entities import Found
from agents.analyst.times import Period
from agents.conversation import ToolDefinition

_MOST_CALLS = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """A clause, understood."""

    text: str
    found: Found
    periods: tuple[Period, ...] = ()
    """Days meant: the clause's own, or those it points back to."""
    own_periods: tuple[Period, ...] = ()
    """Days that stand in the clause itself."""
    lone_machine: str | None = None
    """The only machine there is, for tools that need one when none is named."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Calls of one tool, or the parameter that nothing was found for."""

    calls: tuple[dict[str, Any], ...] = ()
    missing: str | None = None
    unheard: tuple[str, ...] = field(default=())
    """What the clause named and the tool cannot be told: `period`, `signal`."""


def choice_in(text: str, schema: dict[str, Any]) -> str | None:
    """The member of an `enum` that a text speaks of, by its own words or those of `x-words`; the longest wins."""
    lower = f" {re.sub(r'[^a-z0-9]+', ' ', text.lower())} "
    words: dict[str, list[str]] = schema.get("x-words", {})
    heard = [
        (len(phrase), str(member))
        for member in schema.get("enum", [])
        for phrase in [str(member).replace("_", " "), *words.get(str(member), [])]
        if f" {phrase} " in lower or f" {phrase}s " in lower
    ]
    return max(heard)[1] if heard else None


def fill(tool: ToolDefinition, asked: Asked) -> Filled:
    """Every call the clause asks of this tool: one a machine, signal, fault code and period where it takes only one."""
    slots = parameters_of(tool)
    required = set(tool.schema.get("required", []))
    options: dict[str, list[Any]] = {}
    kinds = {name: entity_of(name, schema) for name, schema in slots.items()}
    for name, schema in slots.items():
        values = _values(kinds[name], schema, asked, needed=name in required)
        if values:
            options[name] = values
        elif name in required:
            return Filled(missing=kinds[name] or name)
    if "text" in kinds.values():
        _drop_text_if_named(options, kinds)
    days = {kind: name for name, kind in kinds.items() if kind in ("first_day", "last_day")}
    calls: list[dict[str, Any]] = []
    names = list(options)
    for values in product(*options.values()):
        for period in asked.periods or (None,):
            call = dict(zip(names, values, strict=True))
            if period is not None:
                call |= _days(period, days)
            if call not in calls:
                calls.append(call)
    unheard = tuple(
        what
        for what, given, takes in (
            ("period", bool(asked.periods), bool(days)),
            ("signal", bool(asked.found.signals), "signal" in kinds.values()),
        )
        if given and not takes
    )
    return Filled(calls=tuple(calls[:_MOST_CALLS]), unheard=unheard)


def _values(kind: str | None, schema: dict[str, Any], asked: Asked, *, needed: bool) -> list[Any]:
    """What may stand in one parameter: several values mean several calls."""
    found = asked.found
    many = schema.get("type") == "array"
    match kind:
        case "equipment":
            machines = found.machines or ([asked.lone_machine] if needed and asked.lone_machine else [])
            return ([machines] if many else list(machines)) if machines else []
        case "equipment_type":
            return list(found.types) if not found.machines else []
        case "signal":
            return list(found.signals)
        case "fault_code":
            return list(found.codes)
        case "count":
            return [found.count] if found.count is not None else []
        case "text":
            return [asked.text]
        case _ if "enum" in schema:
            member = choice_in(asked.text, schema)
            return [member] if member else []
        case _:
            return []


def _drop_text_if_named(options: dict[str, list[Any]], kinds: dict[str, str | None]) -> None:
    """A named machine or fault says which incident is meant; the words of the question would only blur it."""
    if any(kinds[name] in ("equipment", "fault_code") for name in options):
        for name in [name for name in options if kinds[name] == "text"]:
            del options[name]


def _days(period: Period, names: dict[str, str]) -> dict[str, str]:
    ends = {"first_day": period.first, "last_day": period.last}
    return {names[kind]: day.isoformat() for kind, day in ends.items() if day is not None and kind in names}
