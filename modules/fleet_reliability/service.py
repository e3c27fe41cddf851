"""What is known of the fleet: ranking, key figures and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from core.sdk import ToolContext, ToolResult, Window, load_queries
from modules.fleet_reliability import phrases

QUERIES = load_queries(Path(__file__).parent / "queries.sql")
_LIFE = "gold.remaining_life"
_HEALTH = "gold.health_daily"
_KPI = "gold.kpi_daily"
_FAULTS = "silver.fault_episodes"
_MACHINES = 1000
LIFE_DEFINITIONS = {
    "life_low": "lower end of the 90 % interval of the remaining life",
    "life_high": "upper end of the 90 % interval of the remaining life",
    "anomaly_score": "how unusual the day was for this machine; higher is stranger",
}


async def rank_equipment(
    context: ToolContext, equipment: Sequence[str] | None, equipment_type: str | None, by: str | None, top: int
) -> ToolResult:
    """Machines that need attention first: by remaining life where there is one, then by anomaly score."""
    scope: dict[str, Any] = {
        "equipment": list(equipment) if equipment else None,
        "equipment_type": equipment_type,
        "top": _MACHINES,
    }
    life = await context.read(QUERIES["remaining_life"], [_LIFE], scope) if by != "anomaly" else None
    health = await context.read(QUERIES["health"], [_HEALTH], scope) if by != "remaining_life" else None
    lives = life.rows if life else []
    known = {row["equipment_id"] for row in lives}
    others = [row for row in (health.rows if health else []) if row["equipment_id"] not in known]
    wanted = len(equipment) if equipment else top
    ranked = [*lives, *others][:wanted]
    evidence = [*(life.evidence if life and lives else []), *(health.evidence if health else [])]
    return ToolResult(
        rows=ranked,
        evidence=evidence,
        findings=phrases.ranking(ranked, asked=equipment),
        definitions=LIFE_DEFINITIONS,
        found=bool(ranked),
    )


async def kpi_summary(
    context: ToolContext,
    kpi: str | None,
    equipment: Sequence[str] | None,
    equipment_type: str | None,
    first: date | None,
    last: date | None,
    top: int,
) -> ToolResult:
    """Key figures of a period; grain: machine and key figure."""
    machines = list(equipment) if equipment else None
    scope: dict[str, Any] = {"equipment": machines, "equipment_type": equipment_type}
    figures = await context.read(
        QUERIES["kpi"], [_KPI], {**scope, "kpi": kpi, "first": first, "last": last, "top": top}
    )
    window = Window(first=first, last=last)
    if not figures.rows:
        known = await context.read(QUERIES["kpi_days"], [_KPI], scope)
        return ToolResult(
            rows=known.rows,
            evidence=known.evidence,
            window=window,
            findings=[phrases.no_kpi(kpi, first, last, known.rows)],
            found=False,
        )
    return ToolResult(
        rows=figures.rows,
        evidence=figures.evidence,
        window=window,
        findings=phrases.kpis(figures.rows, first, last),
        definitions={"value": "sum over days for fault_count and throughput, else the mean of the daily values"},
        truncated=len(figures.rows) == top,
    )


async def compare_equipment(
    context: ToolContext,
    equipment: Sequence[str] | None,
    equipment_type: str | None,
    first: date | None,
    last: date | None,
    top: int,
) -> ToolResult:
    """Machines side by side: health and faults; grain: machine, the strangest first."""
    scope: dict[str, Any] = {
        "equipment": list(equipment) if equipment else None,
        "equipment_type": equipment_type,
        "first": first,
        "last": last,
        "top": _MACHINES,
    }
    health = await context.read(QUERIES["compare_health"], [_HEALTH], scope)
    faults = await context.read(QUERIES["compare_faults"], [_FAULTS], scope)
    by_machine = {row["equipment_id"]: dict(row) for row in health.rows}
    for row in faults.rows:
        by_machine.setdefault(row["equipment_id"], {"equipment_id": row["equipment_id"]}).update(row)
    rows = list(by_machine.values())[: len(equipment) if equipment else top]
    return ToolResult(
        rows=rows,
        evidence=[*health.evidence, *faults.evidence],
        window=Window(first=first, last=last),
        findings=phrases.comparison(rows, first, last),
        found=bool(rows),
    )
