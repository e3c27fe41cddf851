"""Each machine against its own healthy envelope, by operating condition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from core.sdk import Figure, ToolContext, ToolResult, Window
from modules.fleet_reliability import envelope_phrases as phrases
from modules.fleet_reliability.service import QUERIES

_DAILY = "gold.envelope_daily"
_SIGNALS = "gold.envelope_signal_daily"
_FEW = 5
DEFINITIONS = {
    "hours_outside": "hours in which all signals together were further from what is usual under the operating "
    "condition than the limit set when the machine was commissioned",
    "hours_pooled": "hours under a condition that commissioning did not know: neither inside nor outside, but new",
    "worst_score": "highest daily anomaly score against the envelope: zero as commissioned, a half at the limit",
    "spreads": "distance from what is usual under the condition, in its spreads",
}


async def healthy_envelope(
    context: ToolContext,
    equipment: Sequence[str] | None,
    equipment_type: str | None,
    first: date | None,
    last: date | None,
    top: int | None,
) -> ToolResult:
    """Whether machines ran inside their own healthy envelopes; grain: machine, furthest off first.

    Args:
        context: the tenant's.
        equipment: only these; of a single one the signals that left their limits are told.
        equipment_type: only machines of this type.
        first: first day; without any day the latest of each machine is looked at.
        last: last day, included.
        top: how many; five if unset.
    """
    machines = list(equipment) if equipment else None
    scope: dict[str, Any] = {"equipment": machines, "equipment_type": equipment_type}
    most = len(machines) if machines else top or _FEW
    found = await context.read(QUERIES["envelope"], [_DAILY], {**scope, "first": first, "last": last, "top": most})
    window = Window(first=first, last=last)
    if not found.rows:
        known = await context.read(QUERIES["envelope_days"], [_DAILY], scope)
        return ToolResult(
            rows=known.rows,
            evidence=known.evidence,
            window=window,
            findings=[phrases.nothing_held(machines, first, last, known.rows)],
            found=False,
        )
    rows, evidence = list(found.rows), list(found.evidence)
    signals: list[dict[str, Any]] = []
    if len(rows) == 1 and rows[0]["hours_outside"]:
        day = {"equipment": rows[0]["equipment_id"], "day": rows[0]["worst_day"]}
        left = await context.read(QUERIES["envelope_signals"], [_SIGNALS], day)
        signals = left.rows
        evidence += left.evidence
    worst = rows[0]
    return ToolResult(
        rows=[*rows, *signals],
        evidence=evidence,
        window=window,
        findings=phrases.envelopes(rows, signals),
        definitions=DEFINITIONS,
        figure=_hours(worst) if len(rows) == 1 else None,
        truncated=worst["machines"] > len(rows),
    )


def _hours(row: dict[str, Any]) -> Figure:
    return Figure(name="hours outside the envelope", value=row["hours_outside"], unit="h", of=row["equipment_id"])
