"""From a question to tool calls, or to a refusal that says what can be answered. Pure but for the embedder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.analyst import manners
from agents.analyst.carry import Carried, carry, inherit
from agents.analyst.catalogue import Catalogue, parts
from agents.analyst.choose import REFUSE_BELOW, Chooser, entity_of, parameters_of
from agents.analyst.clauses import THEN, split
from agents.analyst.days import CALENDAR_WORDS, Coverage, Period
from agents.analyst.entities import find_entities, mask_machines, mask_sites, stem
from agents.analyst.limits import find_limits
from agents.analyst.relevance import CLOCK, beside_the_point, unread_time
from agents.analyst.seasons import seasons_said
from agents.analyst.slots import Asked, choice_in, choices, fill
from agents.analyst.spelling import correct, words_of
from agents.analyst.times import find_periods, impossible_dates, without_periods
from agents.analyst.wordlists import EQUIPMENT, MEASURED_IN, UNRECORDED
from agents.conversation import ToolDefinition

_ASK_BACK_FROM = 0.5
"""A machine or signal is only asked for when the clause is clearly a question for the tool."""
_NEAR = 0.12
"""How much worse than the best tool another may fit that has everything it needs."""
_NOT_MEANT = -2.0
"""Fit of a tool that no word of the clause asks for: however near in meaning, it is not chosen."""
_ONE = re.compile(r"\bwhich\s+(?:\w+\s+)?(?:machine|equipment)\b(?!\s+(?:has|have|had|shows?)\b)", re.IGNORECASE)
"""`which engine will fail first` wants one; `which engine has this fault` wants all that have it."""
_WHY = re.compile(r"(?:(?:and|but|so)\s+)?why\b", re.IGNORECASE)
_IT = re.compile(r"\b(?:it|its)\b", re.IGNORECASE)
_YES_NO = re.compile(r"(?:(?:and|but|so|also)\s+)?(?:was|were|is|are|did|does|do|has|have|had|any)\b", re.IGNORECASE)
_TURNED = re.compile(
    r"\b(?:not|never|no|none|without|fine|ok|okay|well|normal|healthy|cleared|closed|gone|over|resolved|fixed|finished"
    r"|more|less|fewer|than|all|every|only|before|again|earlier|still\s+\w+ing|or)\b|n['’]t\b",
    re.IGNORECASE,
)
"""Words after which yes and no would be about something else than whether a fault was there."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one clause comes to."""

    clause: str
    tool: str | None = None
    calls: tuple[dict[str, Any], ...] = ()
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    waits: bool = False
    """It points back to days that only an earlier step's rows tell (`was it overloaded then?`)."""
    yes_no: bool = False
    """It asks whether something happened."""
    lost: bool = False
    """Nothing here answers it: what can be asked is worth a line."""


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
    known = _spelled(catalogue, tools)
    if manners.foreign(question):
        return [Step(question, refusal="I read English only.")]
    carried = Carried()
    for old in earlier[-3:]:
        for clause in split(correct(old, known)):
            asked = inherit(_understand(clause, catalogue), carried, always=False)
            carried = carry(carried, asked)
    steps: list[Step] = []
    for clause in split(correct(question, known)):
        asked = inherit(_understand(clause, catalogue), carried, always=bool(steps))
        steps.append(_declined(asked, catalogue) or _step(asked, catalogue, tools, chooser))
        carried = carry(carried, asked)
    return steps


def _spelled(catalogue: Catalogue, tools: Sequence[ToolDefinition]) -> frozenset[str]:
    """Words that need no mending."""
    names = [*(m.id for m in catalogue.machines), *catalogue.types(), *(signal for _, signal in catalogue.signals)]
    faults = [text for fault in catalogue.codes for text in (fault.code, fault.message)]
    told = [text for tool in tools for text in (tool.description, *tool.examples)]
    return words_of([*names, *faults, *told, *CALENDAR_WORDS, *EQUIPMENT, *MEASURED_IN, *UNRECORDED])


def _understand(clause: str, catalogue: Catalogue) -> Asked:
    days = catalogue.days()
    rough = find_periods(clause, Coverage(*days)) if days else []
    found = find_entities(_without(clause, rough), catalogue)
    own = catalogue.days(found.machines, found.types)
    periods = find_periods(clause, Coverage(*own)) if own else []
    return Asked(clause, found, tuple(periods), tuple(periods), _lone(found.signals, catalogue))


def _lone(signals: Sequence[str], catalogue: Catalogue) -> str | None:
    """The only machine there is, or the only one that has what is to be measured."""
    kinds = {kind for kind, signal in catalogue.signals if signal in signals}
    machines = [machine.id for machine in catalogue.machines if not kinds or machine.type in kinds]
    return machines[0] if len(machines) == 1 else None


def _declined(asked: Asked, catalogue: Catalogue) -> Step | None:
    """What is no question to the plant, or cannot have an answer."""
    clause = asked.text
    if manners.small_talk(clause):
        return Step(clause, refusal=f"I answer questions about this site. I know {catalogue.names()}.", lost=True)
    if manners.order(clause):
        return Step(clause, refusal=f"“{clause}” asks to do something; I only read and change nothing.")
    if manners.about_others(clause):
        return Step(clause, refusal="I see the data of your own sites only.")
    if asked.found.unknown and not asked.found.machines:
        return Step(clause, refusal=f"I know no {_listed(asked.found.unknown)} here. I know {catalogue.names()}.")
    wrong = impossible_dates(clause)
    if wrong:
        return Step(clause, refusal=f"There is no {_listed(wrong)} in the calendar.")
    for period in asked.periods:
        if period.first and period.last and period.first > period.last:
            return Step(clause, refusal=f"The period from {period.first} to {period.last} runs backwards.")
    return None


def _without(clause: str, periods: Sequence[Period]) -> str:
    text = clause
    for period in reversed(periods):
        text = f"{text[: period.start]} {text[period.end :]}"
    return text


def _step(asked: Asked, catalogue: Catalogue, tools: Sequence[ToolDefinition], chooser: Chooser) -> Step:
    clause = asked.text
    if _ONE.search(mask_machines(clause, catalogue)) and asked.found.count is None:
        asked = replace(asked, found=replace(asked.found, count=1))
    variants = _variants(asked, catalogue)
    ranked = chooser.rank(variants, tools, lambda tool: _fit(tool, asked))
    best = next((choice for choice in ranked if fill(choice.tool, asked).missing is None), None)
    top = ranked[0] if ranked else None
    none = Step(clause, refusal=f"None of my tools answers “{clause}”.", lost=True)
    if top is None or top.score < REFUSE_BELOW:
        return none
    if not top.tool.reads_only:
        return Step(clause, refusal=f"“{clause}” would need {top.tool.name}, which acts; I only read.")
    if best is None or top.score - best.score > _NEAR:
        if top.score < _ASK_BACK_FROM:
            return none
        return Step(clause, refusal=_missing(clause, fill(top.tool, asked).missing or "", catalogue))
    if not best.tool.reads_only or best.score < REFUSE_BELOW:
        return none
    if beside_the_point(asked, variants, best, catalogue, chooser):
        return none
    if _nobody_named(asked) and _takes(best.tool, "equipment"):
        return Step(clause, refusal=_missing(clause, "equipment", catalogue))
    dated = _takes(best.tool, "first_day")
    coming = manners.future(clause)
    if coming and dated:
        days = catalogue.days(asked.found.machines, asked.found.types)
        until = f"; the recorded data ends {days[1]}" if days else ""
        return Step(clause, refusal=f"There is no data of “{coming}”{until}.")
    unread = unread_time(asked)
    if unread and dated:
        return Step(clause, refusal=_unread(unread, asked, catalogue))
    filled = fill(best.tool, asked)
    waits = bool(THEN.search(clause)) and not asked.periods and dated
    notes = _notes(asked, filled.unheard, best.tool, catalogue)
    turned = _TURNED.search(without_periods(clause, asked.own_periods))
    yes_no = _YES_NO.match(clause) is not None and turned is None and _asks_for_codes(asked)
    return Step(clause, best.tool.name, filled.calls, notes=notes, waits=waits, yes_no=yes_no)


def _nobody_named(asked: Asked) -> bool:
    """`it`, and nothing it could be."""
    found = asked.found
    return not (found.subject or found.codes or found.signals or asked.lone_machine) and bool(_IT.search(asked.text))


def _asks_for_codes(asked: Asked) -> bool:
    """A fault was named, or none at all: a yes about the fault is a yes to the question."""
    return asked.found.code_named or not asked.found.codes


def _notes(asked: Asked, unheard: Sequence[str], tool: ToolDefinition, catalogue: Catalogue) -> tuple[str, ...]:
    """What the answer leaves out, and what times were taken from."""
    notes: list[str] = []
    relative = [period for period in asked.periods if period.relative]
    if manners.future(asked.text):
        notes.append("This is the latest estimate; a day to come has no data.")
    elif "period" in unheard and not tool.catalogue and len(relative) < len(asked.periods):
        notes.append("This is the latest state; it cannot be asked for a period.")
    days = catalogue.days(asked.found.machines, asked.found.types)
    if relative and days and "period" not in unheard:
        notes.append(f"Times are counted back from the newest data, {days[1]}.")
    if "period" not in unheard:
        notes += seasons_said(asked.text)
    if "count" in unheard:
        notes.append("More cannot be listed at once.")
    if "limit" in unheard:
        notes.append("The limit was not looked at.")
    if CLOCK.search(asked.text) and "period" not in unheard:
        notes.append("Whole days were looked at, not hours.")
    if asked.found.unknown:
        notes.append(f"I know no {_listed(asked.found.unknown)} here.")
    return tuple(notes)


def _unread(said: str, asked: Asked, catalogue: Catalogue) -> str:
    days = catalogue.days(asked.found.machines, asked.found.types)
    recorded = f"; the recorded data runs from {days[0]} to {days[1]}" if days else ""
    return f"I cannot ask for “{said}”, only for days, weeks, months, quarters, seasons and years{recorded}."


def _missing(clause: str, what: str, catalogue: Catalogue) -> str:
    match what:
        case "equipment":
            return f"Which machine is meant by “{clause}”? I know {catalogue.names()}."
        case "signal":
            signals = sorted({signal.replace("_", " ") for _, signal in catalogue.signals if ":" not in signal})
            return f"Which signal is meant by “{clause}”? I know {', '.join(signals)}."
        case "first_day":
            days = catalogue.days()
            recorded = f" The recorded data runs from {days[0]} to {days[1]}." if days else ""
            return f"Which days are meant by “{clause}”?{recorded}"
        case _:
            return f"None of my tools answers “{clause}” with what it says."


def _variants(asked: Asked, catalogue: Catalogue) -> list[str]:
    """The clause in plain words, then with a known fault or signal in plain words too."""
    bare = manners.without_future(CLOCK.sub(" ", without_periods(asked.text, asked.own_periods)))
    plain = THEN.sub("at that time", mask_machines(mask_sites(find_limits(bare).text, asked.found.sites), catalogue))
    variants = [plain]
    signals = asked.found.signals if asked.found.signal_share == 1 else []
    for names, word in ((asked.found.codes, "this fault"), (signals, "this sensor")):
        stems = {stem(str(part)) for name in names for part in parts(name)}
        if stems:
            heard = [word if _is_of(said, stems) else said for said in plain.split()]
            variants.append(" ".join(said for at, said in enumerate(heard) if at == 0 or said != heard[at - 1]))
    return variants


def _is_of(said: str, stems: set[str]) -> bool:
    """A word, or a code written as one, that is made of nothing but these stems."""
    words = parts(said)
    return bool(words) and all(stem(str(word)) in stems for word in words)


def _fit(tool: ToolDefinition, asked: Asked) -> float:
    if tool.cues and not _hears(asked.text, tool.cues):
        return _NOT_MEANT
    gain = 0.10 if _WHY.match(asked.text) and any(_WHY.match(example) for example in tool.examples) else 0.0
    if asked.found.machines and not _takes(tool, "equipment"):
        gain -= 0.12
    if asked.found.signals:
        named = asked.found.signal_share == 1
        share = asked.found.signal_share if named or not asked.found.codes else 0.0
        gain += 0.10 * share if _takes(tool, "signal") else -0.08 * named
    if asked.found.codes:
        gain += 0.10 if _takes(tool, "fault_code") else 0.0
    limit = "above" if asked.found.above is not None else "below" if asked.found.below is not None else None
    if limit is not None:
        gain += 0.10 if _takes(tool, limit) else -0.05
    if asked.periods and not _takes(tool, "first_day"):
        gain -= 0.08
    for name, schema in parameters_of(tool).items():
        if entity_of(name, schema) is not None:
            continue
        # One of two says how (highest, lowest), one of many what it is about (a key figure).
        gain += (0.20 if len(choices(schema)) > 2 else 0.10) if choice_in(asked.text, schema) else 0.0
    return gain


def _hears(text: str, cues: Sequence[str]) -> bool:
    """One of the cues stands in a text; their spaces may be hyphens there."""
    return any(re.search(rf"\b{cue.replace(' ', '[ -]')}\b", text, re.IGNORECASE) for cue in cues)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def _takes(tool: ToolDefinition, kind: str) -> bool:
    return any(entity_of(name, schema) == kind for name, schema in parameters_of(tool).items())
