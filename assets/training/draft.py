"""A training pair drafted from an incident: observation and question, reasoning step by step, diagnosis.

Rules write the draft from figures of the lake; it says what coincided, never what caused it: that is the expert's part.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from assets import phrases
from assets.incidents import Incident, Kind
from assets.training import tags

DRAFTED_BY = "rules/1"
DRAFT = "draft"
_CLEAR = 3.0
"""Spreads from which a deviation is taken for more than scatter."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One drafted pair with its tags and source; fields are those of `training.pairs`."""

    incident: Incident
    question: str
    reasoning: str
    diagnosis: str

    @property
    def pair_id(self) -> str:
        """The same for the same incident, whatever the draft says."""
        return _hash([self.incident.source, dict(sorted(self.incident.keys.items()))])[:32]

    def row(self) -> dict[str, object]:
        """The row of `training.pairs`."""
        one = self.incident
        content = {
            "equipment_type": one.equipment_type,
            "fault_category": tags.fault_category(one),
            "department": tags.department(one),
            "confidence": tags.confidence(one),
            "level_of_use": tags.INTERNAL,
            "question": self.question,
            "reasoning": self.reasoning,
            "diagnosis": self.diagnosis,
            "drafted_by": DRAFTED_BY,
        }
        return {
            **content,
            "pair_id": self.pair_id,
            "site": one.site,
            "equipment_id": one.equipment_id,
            "happened_at": one.happened_at,
            "status": DRAFT,
            "source_table": one.source,
            "source_version": one.version,
            "source_keys": json.dumps(dict(sorted(one.keys.items()))),
            "content_sha256": _hash(content),
            "date": one.happened_at.date(),
        }


def draft(incident: Incident) -> Pair:
    """The pair of one incident; the same incident gives the same pair."""
    asked = "What happened?" if incident.kind is Kind.FAULT else "What does this point to?"
    observed = [phrases.headline(incident), *phrases.deviations(incident)]
    question = " ".join([*(phrases.first_up(sentence) for sentence in observed), asked])
    steps = [*_evidence(incident), *_history(incident)]
    reasoning = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
    return Pair(incident, question, reasoning, _diagnosis(incident))


def _evidence(incident: Incident) -> list[str]:
    clear = [one for one in incident.deviations if abs(one.spreads) >= _CLEAR]
    if not incident.deviations:
        return ["No signal of the machine has a baseline to compare with on those days."]
    if not clear:
        return [f"No signal left its usual range: none was {_CLEAR:.0f} spreads or more from its own baseline."]
    strongest, *others = clear
    steps = [f"{phrases.first_up(phrases.moved(strongest))}: the clearest sign, on {strongest.day.isoformat()}."]
    quantity = tags.quantity(strongest.unit)
    steps += [f"{phrases.first_up(phrases.moved(one))}, on {one.day.isoformat()}." for one in others]
    same = [phrases.signal(one.signal) for one in others if tags.quantity(one.unit) == quantity]
    if same:
        steps.append(f"The other signals of the same quantity ({quantity}) that moved: {', '.join(same)}.")
    elif others:
        steps.append("Signals of other quantities moved with it, so a fault of that one sensor is less likely.")
    else:
        steps.append("No other signal moved with it, so a fault of that sensor cannot be excluded.")
    return steps


def _history(incident: Incident) -> list[str]:
    if incident.kind is Kind.FINDING:
        return ["No fault stood on that day."]
    if incident.occurrence == 1:
        return [f"Fault {incident.code} had not come on this machine before."]
    return [f"Fault {incident.code} had come {incident.occurrence - 1} times on this machine before."]


def _diagnosis(incident: Incident) -> str:
    """What coincided and what to check first."""
    if not incident.deviations or abs(incident.deviations[0].spreads) < _CLEAR:
        return "No recorded signal explains it: check the control logic and the sensor behind the alarm first."
    strongest = incident.deviations[0]
    what = f"fault {incident.code}" if incident.kind is Kind.FAULT else "the unusual day"
    return (
        f"{phrases.first_up(what)} coincided with {phrases.moved(strongest)}. "
        f"Check what drives {phrases.signal(strongest.signal)} first."
    )


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
