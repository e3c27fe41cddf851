"""What happened to a machine or a site, and whether the like has happened before."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from core.sdk import Evidence, InputError, NotFoundError, ToolContext, ToolResult, Window
from core.sdk.words import period
from modules.fleet_reliability import incident_phrases
from modules.fleet_reliability.service import LIFE_DEFINITIONS, QUERIES

_FAULTS = "silver.fault_episodes"
_HEALTH = "gold.health_daily"
_LIFE = "gold.remaining_life"
_MEMORY = "memory.fault_memory"
_NEAREST = 8
Row = dict[str, Any]
_DEFINITIONS = {
    **LIFE_DEFINITIONS,
    "deviation": "distance of the day's mean from the machine's own baseline, in spreads of that baseline",
}


async def what_happened(
    context: ToolContext,
    equipment: str | None,
    first: date | None,
    last: date | None,
    equipment_type: str | None = None,
) -> ToolResult:
    """Fault episodes of a period, and how far machines were from their own baseline.

    Args:
        context: the tenant's.
        equipment: one machine, told in detail; None is all of them.
        first: first day.
        last: last day.
        equipment_type: all machines of a type.
    """
    window: dict[str, Any] = {"first": first, "last": last}
    scope: dict[str, Any] = {"equipment": equipment, "equipment_type": equipment_type}
    faults = {**scope, **window, "fault_code": None}
    counts = await context.read(QUERIES["episode_counts"], [_FAULTS], faults)
    episodes = await context.read(QUERIES["episodes"], [_FAULTS], faults)
    evidence = [*counts.evidence, *episodes.evidence]
    subject = equipment or (f"any {equipment_type.replace('_', ' ')}" if equipment_type else "any machine")
    deviations: list[Row] = []
    lives: list[Row] = []
    if equipment is not None:
        found = {"equipment": equipment, **window}
        off = await context.read(QUERIES["deviations"], ["gold.deviation_daily"], found)
        worst = await context.read(QUERIES["worst_health_day"], [_HEALTH], found)
        life = await context.read(QUERIES["life_in_period"], [_LIFE], found)
        deviations, lives = off.rows, life.rows
        evidence += [*off.evidence, *worst.evidence, *(life.evidence if lives else [])]
        findings = incident_phrases.of_machine(
            equipment, first, last, counts.rows, episodes.rows, deviations, worst.rows, lives
        )
    else:
        of_type = {"equipment_type": equipment_type, **window}
        worst = await context.read(QUERIES["strangest_machines"], [_HEALTH], of_type)
        evidence += worst.evidence
        findings = incident_phrases.of_site(subject, first, last, counts.rows, episodes.rows, worst.rows)
    rows = [*counts.rows, *episodes.rows, *deviations, *worst.rows, *lives]
    found = bool(rows)
    if not deviations and not worst.rows:
        # What still stands stands on every later day, also on those nobody watched: they are no answer.
        known = await context.read(QUERIES["days_with_data"], ["silver.signal_hourly"], scope)
        found = bool(counts.rows) and incident_phrases.watched_then(first, last, known.rows)
        if not found:
            rows, evidence = known.rows, [*evidence, *known.evidence]
            findings = [incident_phrases.nothing_known(subject, first, last, known.rows)]
    return ToolResult(
        rows=rows,
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=findings,
        definitions=_DEFINITIONS,
        found=found,
    )


async def similar_incidents(
    context: ToolContext,
    equipment: str | None,
    fault_code: str | None,
    text: str | None,
    first: date | None,
    last: date | None,
) -> ToolResult:
    """The same fault codes before and after an incident, then what the fault memory holds nearest in meaning.

    Args:
        context: the tenant's.
        equipment: machine whose incident is meant; its episodes of the period, else its last one.
        fault_code: the fault meant; unset means those the machine's incident raised.
        text: description of the incident, if nobody names a machine or beside it.
        first: first day of the incident.
        last: last day of the incident.

    Raises:
        InputError: neither a machine nor a fault code nor a description.
    """
    if equipment is None and fault_code is None and not text:
        raise InputError("name a machine or fault, or describe the incident", expected="equipment, fault_code or text")
    reference, evidence = await _reference(context, equipment, fault_code, first, last)
    codes = [fault_code] if fault_code else sorted({row["fault_code"] for row in reference})
    counts, same = await _same_fault(context, equipment, codes, reference, evidence)
    wording = text or " ".join(sorted({row["message"] for row in reference or same if row["message"]}))
    alike = [row for row in await _remembered(context, wording, evidence) if not _told(row, codes, [*reference, *same])]
    before = min((row["raised_at"] for row in reference), default=None)
    earlier = [row for row in same if before is None or row["raised_at"] < before]
    when = period(first, last)
    return ToolResult(
        rows=[*reference, *counts, *same, *alike],
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=incident_phrases.similar(equipment, codes, reference, counts, same, alike, when),
        found=bool(earlier or alike),
        happened=bool(earlier) if codes else None,
    )


async def _same_fault(
    context: ToolContext, equipment: str | None, codes: list[str], reference: list[Row], evidence: list[Evidence]
) -> tuple[list[Row], list[Row]]:
    """How often the codes were raised on either side of the incident, and those episodes without the incident's own."""
    if not codes:
        return [], []
    raised: list[datetime] = [row["raised_at"] for row in reference]
    sides = {"before": min(raised, default=None), "after": max(raised, default=None)}
    counts = await context.read(
        QUERIES["same_fault_counts"], [_FAULTS], {"codes": codes, "equipment": equipment, **sides}
    )
    same = await context.read(QUERIES["same_fault"], [_FAULTS], {"codes": codes})
    evidence += [*counts.evidence, *same.evidence]
    own = {row["episode_id"] for row in reference}
    return counts.rows, [row for row in same.rows if row["episode_id"] not in own]


def _told(row: Row, codes: list[str], episodes: list[Row]) -> bool:
    """True of an episode of the same code, and of a strange day on which such an episode stood."""
    if "raised_at" in row:
        return row["fault_code"] in codes
    return any(
        episode["equipment_id"] == row["equipment_id"]
        and episode["raised_at"].date() <= row["date"]
        and (episode["cleared_at"] is None or row["date"] <= episode["cleared_at"].date())
        for episode in episodes
    )


async def _reference(
    context: ToolContext, equipment: str | None, fault_code: str | None, first: date | None, last: date | None
) -> tuple[list[Row], list[Evidence]]:
    """The incident itself: what stood in the period, or the last fault of the machine."""
    if first is None and last is None:
        if equipment is None:
            return [], []
        parameters = {"equipment": equipment, "fault_code": fault_code}
        answer = await context.read(QUERIES["recent_episodes"], [_FAULTS], parameters)
    elif equipment is None and fault_code is None:
        return [], []
    else:
        scope = {"equipment": equipment, "equipment_type": None, "fault_code": fault_code}
        answer = await context.read(QUERIES["episodes"], [_FAULTS], {**scope, "first": first, "last": last})
    return answer.rows, list(answer.evidence)


async def _remembered(context: ToolContext, wording: str, evidence: list[Evidence]) -> list[Row]:
    """Episodes and strange days nearest in meaning, nearest first; their facts and evidence come from the lake."""
    if not wording or context.data is None:
        return []
    vector = (await context.embed([wording]))[0]
    try:
        near = await context.data.vector_search(_MEMORY, [float(part) for part in vector], top_k=_NEAREST)
    except (NotFoundError, InputError):  # nothing was remembered yet: the table comes with the first incident
        return []
    keys = [str(row["episode_id"] or f"{row['equipment_id']} {row['happened_at'].date()}") for row in near]
    if not keys:
        return []
    episodes = await context.read(QUERIES["episodes_by_id"], [_FAULTS], {"ids": keys})
    days = await context.read(QUERIES["health_by_day"], [_HEALTH], {"days": keys})
    evidence += [*(episodes.evidence if episodes.rows else []), *(days.evidence if days.rows else [])]
    facts = [*episodes.rows, *days.rows]
    return sorted(facts, key=lambda row: keys.index(str(row.get("episode_id") or row["day_key"])))
