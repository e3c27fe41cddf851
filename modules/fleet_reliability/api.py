"""The fleet over HTTP: the same service, for people and programs."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from core.sdk import ToolContext, ToolResult
from core.sdk.web import require_permission
from modules.fleet_reliability import incidents, service

router = APIRouter(tags=["Fleet reliability"])
Reader = Annotated[ToolContext, Depends(require_permission("FLEET.READ", "FLEET_RELIABILITY"))]


@router.get("/ranking")
async def ranking(
    context: Reader, equipment_type: str | None = None, top: Annotated[int, Query(ge=1, le=50)] = 5
) -> ToolResult:
    """Machines that need attention first."""
    return await service.rank_equipment(context, None, equipment_type, None, top)


@router.get("/equipment/{equipment_id}/incidents")
async def equipment_incidents(
    context: Reader, equipment_id: str, first: date | None = None, last: date | None = None
) -> ToolResult:
    """Faults and deviations of one machine."""
    return await incidents.what_happened(context, equipment_id, first, last)


@router.get("/kpis")
async def kpis(
    context: Reader, kpi: str | None = None, first: date | None = None, last: date | None = None
) -> ToolResult:
    """Key figures of a period."""
    return await service.kpi_summary(context, kpi, None, None, first, last, 50)
