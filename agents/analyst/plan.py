"""From a question to tool calls, or to a refusal that says what can be answered. Pure but for the embedder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents.analyst.catalogue import Catalogue, parts
from agents.analyst.choose import REFUSE_BELOW, Chooser, entity_of, parameters_of
from agents.analyst.clauses import POINTS_BACK, THEN, split
from agents.analyst.entities import Found, find_entities, mask_machines, stem
from agents.analyst.slots import Asked, choice_in, fill
from agents.analyst.times import Coverage, Period, find_periods, without_periods
from agents.conversation import ToolDefinition

_ORDER = re.compile(
    r"(?:please\s+|can you\s+|could you\s+)*"
    r"(?:delete|remove|drop|erase|change|set(?!-)|write|stop|start|shut|restart|reset|turn|switch|send|e-?mail|order|buy"
    r"|create|update|acknowledge|book|call|invoice|pay)\b",
    re.IGNORECASE,
)
_ASK_BACK_FROM = 0.5
"""A machine or signal is only asked for when the clause is clearly a question for the tool."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one clause comes to."""

    clause: str
    tool: str | None = None
    calls: tuple[dict[str, Any], ...] = ()
    refusal: str | None = None
    note: str | None = None
    waits: bool = False
    """It points back to days that only an earlier step's rows tell (`was it overloaded then?`)."""


@dataclass(frozen=True, slots=True)
class _Carried:
    """What later clauses may point back to."""

    found: Found = field(default_factory=Found)
    periods: tuple[Period, ...] = ()


def make_plan(
    question: str,
    earlier: Sequence[str],
    catalogue: Catalogue,
    tools: Sequence[ToolDefinition],
    chooser: Chooser,
) -> list[Step]:
    """One step a clause.

    Args:
        question: the newest question.
        earlier: earlier questions of the session, oldest first: what `it` may mean.
        catalogue: what there is.
        tools: what may be called.
        chooser: ranks tools.
    """
    carried = _Carried()
    for old in earlier[-3:]:
        for clause in split(old):
            carried = _carry(carried, _understand(clause, catalogue))
    steps: list[Step] = []
    for clause in split(question):
        asked = _understand(clause, catalogue)
        first = not steps
        asked = _inherit(asked, carried, always=not first)
        steps.append(_step(asked, catalogue, tools, chooser))
        carried = _carry(carried, asked)
    return steps


def _understand(clause: str, catalogue: Catalogue) -> Asked:
    days = catalogue.days()
    rough = find_periods(clause, Coverage(*days)) if days else []
    found = find_entities(_without(clause, rough), catalogue)
    own = catalogue.days(found.machines, found.types)
    periods = find_periods(clause, Coverage(*own)) if own else []
    lone = catalogue.machines[0].id if len(catalogue.machines) == 1 else None
    return Asked(clause, found, tuple(periods), tuple(periods), lone)


def _without(clause: str, periods: Sequence[Period]) -> str:
    text = clause
    for period in reversed(periods):
        text = f"{text[: period.start]} {text[period.end :]}"
    return text


def _inherit(asked: Asked, carried: _Carried, *, always: bool) -> Asked:
    """Fill in the subject and the days a clause leaves out, if it points back or follows in the same question."""
    points = bool(POINTS_BACK.search(asked.text))
    if not (always or points):
        return asked
    found = asked.found
    if not found.subject:
        found = replace(
            found,
            machines=list(carried.found.machines),
            types=list(carried.found.types),
            count=found.count if found.count is not None else carried.found.count,
        )
        if points and not found.signals and not found.codes:
            found = replace(found, codes=list(carried.found.codes))
    periods = asked.periods
    if not periods and not THEN.search(asked.text):
        periods = carried.periods
    return replace(asked, found=found, periods=periods)


def _carry(carried: _Carried, asked: Asked) -> _Carried:
    found = (
        asked.found if asked.found.subject else replace(carried.found, codes=asked.found.codes or carried.found.codes)
    )
    return _Carried(found, asked.periods or carried.periods)


def _step(asked: Asked, catalogue: Catalogue, tools: Sequence[ToolDefinition], chooser: Chooser) -> Step:
    clause = asked.text
    if asked.found.unknown:
        names = ", ".join(asked.found.unknown)
        return Step(clause, refusal=f"I know no {names} here. I know {catalogue.names()}.")
    if _ORDER.match(clause):
        return Step(clause, refusal=f"“{clause}” asks to do something; I only read.")
    ranked = chooser.rank(_variants(asked, catalogue), tools, lambda tool: _fit(tool, asked))
    best = next((choice for choice in ranked if fill(choice.tool, asked).missing is None), None)
    top = ranked[0] if ranked else None
    if top is None or top.score < REFUSE_BELOW:
        return Step(clause, refusal=f"None of my tools answers “{clause}”.")
    if not top.tool.reads_only:
        return Step(clause, refusal=f"“{clause}” would need {top.tool.name}, which acts; I only read.")
    if best is None or top.score - best.score > 0.12:
        if top.score < _ASK_BACK_FROM:
            return Step(clause, refusal=f"None of my tools answers “{clause}”.")
        return Step(clause, refusal=_missing(clause, fill(top.tool, asked).missing or "", catalogue))
    if not best.tool.reads_only or best.score < REFUSE_BELOW:
        return Step(clause, refusal=f"None of my tools answers “{clause}”.")
    filled = fill(best.tool, asked)
    note = None
    if "period" in filled.unheard and not best.tool.catalogue:
        note = "This is the latest state; it cannot be asked for a period."
    waits = bool(THEN.search(clause)) and not asked.periods and _takes(best.tool, "first_day")
    return Step(clause, tool=best.tool.name, calls=filled.calls, note=note, waits=waits)


def _missing(clause: str, what: str, catalogue: Catalogue) -> str:
    match what:
        case "equipment":
            return f"Which machine is meant by “{clause}”? I know {catalogue.names()}."
        case "signal":
            signals = sorted({signal.replace("_", " ") for _, signal in catalogue.signals if ":" not in signal})
            return f"Which signal is meant by “{clause}”? I know {', '.join(signals)}."
        case _:
            return f"None of my tools answers “{clause}” with what it says."


def _variants(asked: Asked, catalogue: Catalogue) -> list[str]:
    """The clause in plain words, then with a known fault or signal in plain words too."""
    plain = THEN.sub("at that time", mask_machines(without_periods(asked.text, asked.own_periods), catalogue))
    variants = [plain]
    signals = asked.found.signals if asked.found.signal_share == 1 else []
    for names, word in ((asked.found.codes, "this fault"), (signals, "this sensor")):
        stems = {stem(str(part)) for name in names for part in parts(name)}
        if stems:
            heard = [word if stem(said.lower().strip(",.?!")) in stems else said for said in plain.split()]
            variants.append(" ".join(said for at, said in enumerate(heard) if at == 0 or said != heard[at - 1]))
    return variants


def _fit(tool: ToolDefinition, asked: Asked) -> float:
    gain = 0.0
    if asked.found.signals:
        named = asked.found.signal_share == 1
        share = asked.found.signal_share if named or not asked.found.codes else 0.0
        gain += 0.10 * share if _takes(tool, "signal") else -0.08 * named
    if asked.found.codes:
        gain += 0.10 if _takes(tool, "fault_code") else 0.0
    if asked.periods and not _takes(tool, "first_day"):
        gain -= 0.08
    for schema in parameters_of(tool).values():
        if "enum" in schema and choice_in(asked.text, schema):
            gain += 0.10
    return gain


def _takes(tool: ToolDefinition, kind: str) -> bool:
    return any(entity_of(name, schema) == kind for name, schema in parameters_of(tool).items())
