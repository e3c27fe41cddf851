"""What happened to a machine, and whether the like has happened before."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from core.sdk import Evidence, InputError, NotFoundError, ToolContext, ToolResult, Window
from modules.fleet_reliability import phrases
from modules.fleet_reliability.service import LIFE_DEFINITIONS, QUERIES

_FAULTS = "silver.fault_episodes"
_MEMORY = "memory.fault_memory"
_NEAREST = 8
Row = dict[str, Any]


async def what_happened(context: ToolContext, equipment: str, first: date | None, last: date | None) -> ToolResult:
    """Fault episodes, strongest deviations from the own baseline, and the strangest day of a period."""
    window: dict[str, Any] = {"equipment": equipment, "first": first, "last": last}
    episodes = await context.read(QUERIES["episodes"], [_FAULTS], {**window, "fault_code": None})
    deviations = await context.read(QUERIES["deviations"], ["gold.deviation_daily"], window)
    worst = await context.read(QUERIES["worst_health_day"], ["gold.health_daily"], window)
    evidence = [*episodes.evidence, *deviations.evidence, *worst.evidence]
    rows = [*episodes.rows, *deviations.rows, *worst.rows]
    if not rows:
        known = await context.read(QUERIES["days_with_data"], ["gold.health_daily"], {"equipment": equipment})
        return ToolResult(
            rows=known.rows,
            evidence=[*evidence, *known.evidence],
            window=Window(first=first, last=last),
            findings=[phrases.nothing_known(equipment, first, last, known.rows)],
            found=False,
        )
    return ToolResult(
        rows=rows,
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=phrases.incident(equipment, first, last, episodes.rows, deviations.rows, worst.rows),
        definitions={
            **LIFE_DEFINITIONS,
            "deviation": "distance of the day's mean from the machine's own baseline, in spreads of that baseline",
        },
    )


async def similar_incidents(
    context: ToolContext,
    equipment: str | None,
    fault_code: str | None,
    text: str | None,
    first: date | None,
    last: date | None,
) -> ToolResult:
    """Earlier episodes of the same fault codes, then what the fault memory holds nearest in meaning.

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
    before: datetime | None = min((row["raised_at"] for row in reference), default=None)
    earlier: list[Row] = []
    if codes:
        same = await context.read(
            QUERIES["same_fault"], [_FAULTS], {"codes": codes, "equipment_type": None, "before": before}
        )
        earlier = same.rows
        evidence += same.evidence
    wording = text or " ".join(sorted({row["message"] for row in reference or earlier if row["message"]}))
    seen = {row["episode_id"] for row in [*reference, *earlier]}
    alike = [row for row in await _remembered(context, wording, evidence) if row.get("episode_id") not in seen]
    return ToolResult(
        rows=[*reference, *earlier, *alike],
        evidence=evidence,
        window=Window(first=first, last=last),
        findings=phrases.similar(equipment, codes, Window(first=first, last=last), reference, earlier, alike),
        found=bool(earlier or alike),
    )


async def _reference(
    context: ToolContext, equipment: str | None, fault_code: str | None, first: date | None, last: date | None
) -> tuple[list[Row], list[Evidence]]:
    if equipment is None:
        return [], []
    if first is None and last is None:
        parameters = {"equipment": equipment, "fault_code": fault_code}
        answer = await context.read(QUERIES["recent_episodes"], [_FAULTS], parameters)
    else:
        parameters = {"equipment": equipment, "fault_code": fault_code, "first": first, "last": last}
        answer = await context.read(QUERIES["episodes"], [_FAULTS], parameters)
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
    order = [str(row["episode_id"] or f"{row['equipment_id']} {row['happened_at'].date()}") for row in near]
    if not order:
        return []
    episodes = await context.read(QUERIES["episodes_by_id"], [_FAULTS], {"ids": order})
    days = await context.read(QUERIES["health_by_day"], ["gold.health_daily"], {"days": order})
    evidence += [*episodes.evidence, *days.evidence]
    facts = [*episodes.rows, *days.rows]
    return sorted(facts, key=lambda row: order.index(str(row.get("episode_id") or row["day_key"])))
