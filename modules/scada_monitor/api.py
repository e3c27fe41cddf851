"""The monitor over HTTP: the same service, for people and programs."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends

from core.sdk import ToolContext, ToolResult
from core.sdk.web import require_permission
from modules.scada_monitor import service

router = APIRouter(tags=["SCADA monitor"])
Reader = Annotated[ToolContext, Depends(require_permission("SCADA.READ", "SCADA_MONITOR"))]


@router.get("/equipment")
async def equipment(context: Reader, equipment_type: str | None = None) -> ToolResult:
    """Equipment, signals and fault codes."""
    return await service.describe_site(context, equipment_type)


@router.get("/equipment/{equipment_id}/signals/{signal}")
async def history(
    context: Reader, equipment_id: str, signal: str, first: date | None = None, last: date | None = None
) -> ToolResult:
    """History of one signal."""
    return await service.sensor_history(context, equipment_id, signal, first, last)


@router.get("/faults")
async def faults(
    context: Reader,
    equipment_id: str | None = None,
    fault_code: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> ToolResult:
    """Fault episodes in a period."""
    return await service.fault_episodes(context, equipment_id, None, fault_code, first, last)
