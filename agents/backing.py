"""Which results an answer stands on: the question's own, and the catalogue's where nothing else says it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.numbers import leaves
from agents.verify import verify

Result = dict[str, Any]
Evidence = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backing:
    """Evidence of what was used, and of the catalogue that was only looked names up in; nothing twice."""

    evidence: list[Evidence]
    catalogue: list[Evidence]


def backing(answer: str, asked: Sequence[Result], catalogue: Sequence[Result], question: str) -> Backing:
    """Tell the evidence behind an answer from that of looking up names.

    Args:
        answer: what is said.
        asked: results of tools that were asked for the answer; also what was not found stands on them.
        catalogue: results of tools that list what there is.
        question: what was asked.
    """
    used = list(asked)
    apart: list[Result] = []
    for result in catalogue:
        missed = set(verify(answer, used, question).unmatched)
        helps = missed > set(verify(answer, [*used, result], question).unmatched)
        told = not asked and _names(result, answer)
        (used if helps or told else apart).append(result)
    known = _evidence(used)
    return Backing(known, [item for item in _evidence(apart) if item not in known])


def _names(result: Result, answer: str) -> bool:
    """The answer names something the rows hold."""
    texts = {leaf for leaf in leaves(result.get("rows", [])) if isinstance(leaf, str)}
    return any(text in answer for text in texts)


def _evidence(results: Sequence[Result]) -> list[Evidence]:
    items = [item for result in results for item in result.get("evidence", [])]
    return list({json.dumps(item, sort_keys=True): item for item in items}.values())
