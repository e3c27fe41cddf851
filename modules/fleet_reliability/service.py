"""What is known of the fleet: ranking, key figures and comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from core.sdk import Evidence, Figure, ToolContext, ToolResult, Window, load_queries
from modules.fleet_reliability import phrases

QUERIES = load_queries(Path(__file__).parent / "queries.sql")
_LIFE = "gold.remaining_life"
_HEALTH = "gold.health_daily"
_KPI = "gold.kpi_daily"
_FAULTS = "silver.fault_episodes"
_HOURLY = "silver.signal_hourly"
_MACHINES = 1000
_FEW = 5
_MOST = 50
LIFE_DEFINITIONS = {
    "life_low": "lower end of the 90 % interval of the remaining life",
    "life_high": "upper end of the 90 % interval of the remaining life",
    "anomaly_score": "how unusual the day was for this machine, between zero (as its baseline) and one",
}


async def rank_equipment(
    context: ToolContext,
    equipment: Sequence[str] | None,
    equipment_type: str | None,
    by: str | None,
    top: int | None,
    order: str = "worst",
    below: float | None = None,
    above: float | None = None,
) -> ToolResult:
    """Machines that need attention first: by remaining life where there is one, then by anomaly score.

    Args:
        context: the tenant's.
        equipment: only these; their open faults are told too.
        equipment_type: only machines of this type.
        by: rank by `remaining_life` or `anomaly` only.
        top: how many; unset means five, or up to fifty if a limit is given.
        order: `worst` or `best` first.
        below: only machines with less remaining life than this.
        above: only machines with more.
    """
    limited = below is not None or above is not None
    wanted = len(equipment) if equipment else top or (_MOST if limited else _FEW)
    machines = list(equipment) if equipment else None
    scope: dict[str, Any] = {"equipment": machines, "equipment_type": equipment_type, "order": order}
    ranked: list[dict[str, Any]] = []
    evidence: list[Evidence] = []
    if by != "anomaly":
        life = await context.read(
            QUERIES["remaining_life"], [_LIFE], {**scope, "below": below, "above": above, "top": _MACHINES}
        )
        ranked, evidence = life.rows[:wanted], list(life.evidence)
    if by != "remaining_life" and not limited and len(ranked) < wanted:
        health = await context.read(QUERIES["health"], [_HEALTH], {**scope, "top": _MACHINES})
        known = {row["equipment_id"] for row in ranked}
        ranked += [row for row in health.rows if row["equipment_id"] not in known][: wanted - len(ranked)]
        evidence = [*(evidence if known else []), *health.evidence]
    faults: list[dict[str, Any]] = []
    if machines and ranked:
        standing = await context.read(QUERIES["open_faults"], [_FAULTS], {"equipment": machines})
        faults = standing.rows
        evidence += standing.evidence
    return ToolResult(
        rows=[*ranked, *faults],
        evidence=evidence,
        findings=phrases.ranking(ranked, equipment, phrases.limit(below, above), order, faults),
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
    order: str = "highest",
) -> ToolResult:
    """Key figures of a period; grain: machine and key figure, the highest (or lowest) machine first."""
    machines = list(equipment) if equipment else None
    scope: dict[str, Any] = {"equipment": machines, "equipment_type": equipment_type}
    figures = await context.read(
        QUERIES["kpi"], [_KPI], {**scope, "kpi": kpi, "first": first, "last": last, "order": order, "top": top}
    )
    window = Window(first=first, last=last)
    if not figures.rows:
        known = await context.read(QUERIES["kpi_days"], [_KPI], scope)
        return ToolResult(
            rows=known.rows,
            evidence=known.evidence,
            window=window,
            findings=[phrases.no_kpi(kpi, first, last, machines, known.rows)],
            found=False,
        )
    lone = len(figures.rows) == 1
    together = await context.read(QUERIES["kpi_totals"], [_KPI], {**scope, "kpi": kpi, "first": first, "last": last})
    totals = together.rows
    # From the highest down to nought of one figure that adds up: what was cut off has none either.
    rest_is_none = len(totals) == 1 and kpi is not None and order == "highest" and not figures.rows[-1]["value"]
    return ToolResult(
        rows=[*totals, *figures.rows],
        evidence=[*(together.evidence if totals else []), *figures.evidence],
        window=window,
        findings=phrases.kpis(figures.rows, totals, first, last),
        definitions={
            "value": "sum over days for fault_count and throughput; latest value for operating_time, mtbf and "
            "mttr, which run over everything up to their day; else the mean of the daily values"
        },
        figure=_figure(figures.rows[0], phrases.kpi_name(figures.rows[0]["kpi"]), "value") if lone else None,
        truncated=len(figures.rows) == top and not rest_is_none,
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
    }
    health = await context.read(QUERIES["compare_health"], [_HEALTH], {**scope, "top": _MACHINES})
    faults = await context.read(QUERIES["compare_faults"], [_FAULTS], {**scope, "top": _MACHINES})
    by_machine = {row["equipment_id"]: dict(row) for row in health.rows}
    for row in faults.rows:
        by_machine.setdefault(row["equipment_id"], {"equipment_id": row["equipment_id"]}).update(row)
    rows = list(by_machine.values())[: len(equipment) if equipment else top]
    evidence = [*health.evidence, *faults.evidence]
    window = Window(first=first, last=last)
    if not rows:
        of = {
            "equipment": equipment[0] if equipment and len(equipment) == 1 else None,
            "equipment_type": equipment_type,
        }
        known = await context.read(QUERIES["days_with_data"], [_HOURLY], of)
        return ToolResult(
            rows=known.rows,
            evidence=[*evidence, *known.evidence],
            window=window,
            findings=[phrases.nothing_to_compare(first, last, known.rows)],
            found=False,
        )
    totals: list[dict[str, Any]] = []
    if len(by_machine) > 1 and health.rows:
        together = await context.read(QUERIES["compare_total_health"], [_HEALTH], scope)
        raised = await context.read(QUERIES["compare_total_faults"], [_FAULTS], scope)
        totals = [{**together.rows[0], **raised.rows[0]}]
        evidence += [*together.evidence, *raised.evidence]
    one = totals[0] if totals else rows[0]
    return ToolResult(
        rows=[*totals, *rows],
        evidence=evidence,
        window=window,
        findings=phrases.comparison(rows, totals, first, last),
        definitions={"anomaly_score": LIFE_DEFINITIONS["anomaly_score"]},
        figure=_figure(one, "mean anomaly score", "mean_anomaly_score"),
        truncated=len(by_machine) > len(rows),
    )


def _figure(row: dict[str, Any], name: str, column: str) -> Figure | None:
    value = row.get(column)
    return (
        Figure(name=name, value=value, unit=row.get("unit"), of=row.get("equipment_id", ""))
        if value is not None
        else None
    )
