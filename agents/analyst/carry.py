"""What one clause leaves to the next: the machine it spoke of, the days, the question itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from agents.analyst.catalogue import parts
from agents.analyst.clauses import POINTS_BACK, THEN
from agents.analyst.days import Period
from agents.analyst.entities import Found, stem
from agents.analyst.slots import Asked
from agents.analyst.spelling import words_of
from agents.analyst.times import without_periods
from agents.analyst.wordlists import JOINTS

_BARE_PERIOD = "What happened in that period"
_BARE_MACHINE = "What is the state of this machine"


@dataclass(frozen=True, slots=True)
class Carried:
    """What later clauses may point back to."""

    found: Found = field(default_factory=Found)
    periods: tuple[Period, ...] = ()
    asked: Asked | None = None


def inherit(asked: Asked, carried: Carried, *, always: bool) -> Asked:
    """Fill in what a clause leaves out: the subject and the days, if it points back or follows in the same question;
    the question itself, if it only names another machine, signal or period (`and in May?`)."""
    names = bool(asked.own_periods or asked.found.subject or asked.found.signals)
    if names and not _own_words(asked):
        return _elliptic(asked, carried.asked)
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
            found = replace(found, codes=list(carried.found.codes), code_named=carried.found.code_named)
    periods = asked.periods
    if not periods and not THEN.search(asked.text):
        periods = carried.periods
    return replace(asked, found=found, periods=periods)


def _own_words(asked: Asked) -> bool:
    """The clause says more than names and days: it has a question of its own."""
    named = [*asked.found.machines, *asked.found.types, *asked.found.signals]
    stems = {stem(str(part)) for name in named for part in parts(name)}
    text = without_periods(asked.text, asked.own_periods)
    return any(stem(word) not in stems for word in words_of([text]) - JOINTS)


def _elliptic(asked: Asked, before: Asked | None) -> Asked:
    """`and in May?` is the question before with other days; alone, a name asks how it is and a period what happened."""
    if before is None:
        text = "What is the value of" if asked.found.signals else _BARE_PERIOD if asked.own_periods else _BARE_MACHINE
        return replace(asked, text=text, own_periods=())
    found = replace(
        before.found,
        machines=asked.found.machines or ([] if asked.found.types else before.found.machines),
        types=asked.found.types or ([] if asked.found.machines else before.found.types),
        signals=asked.found.signals or before.found.signals,
        unknown=asked.found.unknown,
    )
    return replace(before, found=found, periods=asked.periods or before.periods)


def carry(carried: Carried, asked: Asked) -> Carried:
    """What a clause leaves to those after it."""
    found = (
        asked.found if asked.found.subject else replace(carried.found, codes=asked.found.codes or carried.found.codes)
    )
    return Carried(found, asked.periods or carried.periods, asked)
