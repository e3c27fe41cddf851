"""Arguments of a chosen tool from what a clause names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from agents.analyst.choose import entity_of, parameters_of
from agents.analyst.days import Period
from agents.analyst.entities import Found
from agents.analyst.spelling import words_of
from agents.analyst.wordlists import EMPTY
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
    """What the clause named and the tool cannot be told: `period`, `signal`, `limit`, or a `count` beyond it."""


def choice_in(text: str, schema: dict[str, Any]) -> str | None:
    """The member of an `enum` that a text speaks of, by its own words or those of `x-words`; the longest wins.

    What stands for a thing of its own (`x-entity`) is heard by `x-words` only: `last` is a word of days, too.
    """
    lower = f" {re.sub(r'[^a-z0-9]+', ' ', text.lower())} "
    words: dict[str, list[str]] = schema.get("x-words", {})
    named = "x-entity" in schema
    heard = [
        (len(phrase), str(member))
        for member in choices(schema)
        for phrase in [*([] if named else [str(member).replace("_", " ")]), *words.get(str(member), [])]
        if f" {phrase} " in lower or f" {phrase}s " in lower
    ]
    return max(heard)[1] if heard else None


def choices(schema: dict[str, Any]) -> list[Any]:
    """Members a parameter chooses from; a single one is written as a constant."""
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def fill(tool: ToolDefinition, asked: Asked) -> Filled:
    """Every call the clause asks of this tool: one a machine, signal, fault code and period where it takes only one."""
    slots = parameters_of(tool)
    required = set(tool.schema.get("required", []))
    options: dict[str, list[Any]] = {}
    kinds = {name: entity_of(name, schema) for name, schema in slots.items()}
    for name, schema in slots.items():
        values = _values(kinds[name], schema, asked)
        if values:
            options[name] = values
        elif name in required and not (kinds[name] == "first_day" and _begins(asked.periods)):
            return Filled(missing=kinds[name] or name)
    if "text" in kinds.values() and not _settle_text(options, kinds, tool, asked):
        return Filled(missing="equipment")
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
            ("count", _too_many(asked.found.count, slots, kinds), False),
            ("limit", asked.found.above is not None, "above" in kinds.values()),
            ("limit", asked.found.below is not None, "below" in kinds.values()),
        )
        if given and not takes
    )
    return Filled(calls=tuple(calls[:_MOST_CALLS]), unheard=unheard)


def _begins(periods: Sequence[Period]) -> bool:
    """Every period has a first day."""
    return bool(periods) and all(period.first for period in periods)


def _values(kind: str | None, schema: dict[str, Any], asked: Asked) -> list[Any]:
    """What may stand in one parameter: several values mean several calls."""
    found = asked.found
    many = schema.get("type") == "array"
    match kind:
        case "equipment":
            alone = [asked.lone_machine] if asked.lone_machine else []
            machines = found.machines or alone
            return ([machines] if many else list(machines)) if machines else []
        case "equipment_type":
            return list(found.types) if not found.machines else []
        case "signal":
            return list(found.signals)
        case "fault_code":
            return list(found.codes)
        case "count":
            return [min(found.count, _most(schema))] if found.count is not None else []
        case "above" | "below":
            limit = found.above if kind == "above" else found.below
            return [limit] if limit is not None else []
        case "text":
            return [asked.text]
        case "site":
            return list(found.sites)
        case _ if choices(schema):
            member = choice_in(asked.text, schema)
            return [member] if member else []
        case _:
            return []


def _most(schema: dict[str, Any]) -> int:
    """The largest number a parameter takes; as optional, its limits stand one level deeper."""
    levels = [schema, *schema.get("anyOf", [])]
    return min((int(level["maximum"]) for level in levels if "maximum" in level), default=1000)


def _too_many(count: int | None, slots: dict[str, dict[str, Any]], kinds: dict[str, str | None]) -> bool:
    return count is not None and any(kinds[name] == "count" and count > _most(slots[name]) for name in slots)


def _settle_text(
    options: dict[str, list[Any]], kinds: dict[str, str | None], tool: ToolDefinition, asked: Asked
) -> bool:
    """What an incident is told by: a machine or fault that was named, else a description, else the only machine there
    is. A name makes the words of the question superfluous, a description makes the only machine a guess. False if there
    is none of them."""
    kept = {"equipment", "fault_code"}
    if not (asked.found.machines or asked.found.codes) and _describes(asked.text, tool):
        kept = {"text"}
    for name in [name for name in options if kinds[name] in {"equipment", "fault_code", "text"} - kept]:
        del options[name]
    return any(kinds[name] in kept for name in options)


def _describes(text: str, tool: ToolDefinition) -> bool:
    """A text says something that is not only the tool's own way of being asked."""
    own = words_of([tool.description, *tool.examples])
    return any(len(word) > 3 for word in words_of([text]) - own - EMPTY)


def _days(period: Period, names: dict[str, str]) -> dict[str, str]:
    ends = {"first_day": period.first, "last_day": period.last}
    return {names[kind]: day.isoformat() for kind, day in ends.items() if day is not None and kind in names}
