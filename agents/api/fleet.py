"""`/api/v1/bridges` and `/api/v1/notifications`: how the tenant's bridges are, and what one is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict

from agents.api.signed_in import tool_context
from core.errors import DeniedError
from core.sdk.context import ToolContext
from core.sdk.core_data import CoreDataService

router = APIRouter(prefix="/api/v1", tags=["Fleet"])


class BridgeView(BaseModel):
    """A bridge; `down_since` is when it was heard of last, once it counts as down."""

    model_config = ConfigDict(from_attributes=True)

    bridge_id: str
    site: str
    connected: bool
    last_seen: datetime | None
    down_since: datetime | None
    version: str | None
    devices: int
    devices_connected: int
    outbox_rows: int | None
    clock_offset_s: float | None
    clock_is_off: bool


class NotificationView(BaseModel):
    """Something one is told by name, by role, or with everybody."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    severity: str
    subject: str
    message: str
    action_url: str | None
    created_at: datetime


def _core(context: Annotated[ToolContext, Depends(tool_context)]) -> CoreDataService:
    if context.core is None:
        raise DeniedError("this is not for here")
    return context.core


_Core = Annotated[CoreDataService, Depends(_core)]


@router.get("/bridges")
async def bridges(core: _Core) -> list[BridgeView]:
    """The tenant's bridges, by name."""
    return [BridgeView.model_validate(one) for one in await core.get_active_bridges()]


@router.get("/notifications")
async def notifications(core: _Core, most: Annotated[int, Query(ge=1, le=500)] = 50) -> list[NotificationView]:
    """What one was told and has not put away, the newest first."""
    return [NotificationView.model_validate(one) for one in await core.get_notifications(most)]
