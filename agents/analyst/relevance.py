"""Whether the chosen tool is about what the clause asks, or only about the thing it names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.analyst.catalogue import Catalogue
from agents.analyst.choose import SURE_FROM, Choice, Chooser, entity_of, parameters_of
from agents.analyst.entities import stem
from agents.analyst.slots import Asked
from agents.analyst.spelling import words_of
from agents.analyst.times import without_periods
from agents.analyst.wordlists import EMPTY, ENGLISH, JOINTS, UNRECORDED
from agents.conversation import ToolDefinition

_ELSEWHERE = frozenset(stem(word) for word in UNRECORDED)
_PLAIN = ("machine", "fault", "sensor", "site")
"""What names are said as."""
_PERSON_OR_PLACE = re.compile(r"(?:who|whom|whose|where)\b", re.IGNORECASE)
_PART_OF_DAY = r"(?:over)?nights?|tonight|mornings?|afternoons?|evenings?|noon|midnight"
CLOCK = re.compile(
    rf"\b(?:[01]?\d|2[0-3]):[0-5]\d\b|\b(?:1[0-2]|[1-9])\s?(?:am|pm|o['’]clock)\b|\b(?:{_PART_OF_DAY})\b", re.IGNORECASE
)
_UNREAD = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|week-?(?:ends?|days?)|christmas|easter|holidays?|fortnights?"
    r"|decades?|centur(?:y|ies)|the\s+other\s+day|ago)\b",
    re.IGNORECASE,
)


def unread_time(asked: Asked) -> str | None:
    """A time that is said and was not understood: `at night`, `on Sundays`; without it the answer would be about all
    days."""
    text = without_periods(asked.text, asked.own_periods)
    match = _UNREAD.search(text) or (CLOCK.search(text) if not asked.periods else None)
    return match[0] if match else None


def beside_the_point(
    asked: Asked, variants: Sequence[str], best: Choice, catalogue: Catalogue, chooser: Chooser
) -> bool:
    """The clause names a thing of ours and asks something else about it: its colour, its price, who painted it.

    A word says something else if it is far in meaning from every word of the tool and of the catalogue. What ends in
    -ly says how, not what.

    Args:
        asked: the clause.
        variants: the clause in plain words.
        best: the tool that suits it best.
        catalogue: what there is.
        chooser: knows which words are near.
    """
    tool = best.tool
    opener = _PERSON_OR_PLACE.match(asked.text)
    if opener:
        return not any(example.lower().startswith(opener[0].lower()) for example in tool.examples)
    own = {stem(word) for word in words_of([tool.description, *tool.examples, *tool.schema.get("properties", {})])}
    own |= {stem(word) for word in words_of([*_named(catalogue), *_PLAIN])}
    said = {word for word in words_of(variants) if stem(word) not in own}
    if any(stem(word) in _ELSEWHERE for word in said):
        return True
    described = _takes_text(tool) or asked.found.signals or asked.found.codes
    if described or best.score >= SURE_FROM:
        return False
    plain = said - ENGLISH - JOINTS - EMPTY
    return bool(chooser.strangers(sorted(w for w in plain if len(w) > 2 and not w.endswith("ly")), [tool]))


def _named(catalogue: Catalogue) -> list[str]:
    """Every name and text of the catalogue."""
    names = [*(m.id for m in catalogue.machines), *catalogue.types(), *(signal for _, signal in catalogue.signals)]
    return [*names, *(text for fault in catalogue.codes for text in (fault.code, fault.message))]


def _takes_text(tool: ToolDefinition) -> bool:
    return any(entity_of(name, schema) == "text" for name, schema in parameters_of(tool).items())
