"""`/api/v1/people`: members of the caller's tenant, their roles, their sessions, and their way in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from agents.api.administration.door import Administration, administration
from core.identity import Member, SessionRecord

router = APIRouter(prefix="/api/v1/people", tags=["Administration"])
_People = Annotated[Administration, Depends(administration("PLATFORM.MANAGE_PEOPLE"))]


class MemberView(BaseModel):
    """A member of the tenant."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    name: str
    active: bool
    locked: bool
    last_sign_in: datetime | None
    roles: list[str]


class SessionView(BaseModel):
    """An open session."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    method: str
    address: str
    device: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class RolesForm(BaseModel):
    """All roles somebody is to have, by code."""

    model_config = ConfigDict(extra="forbid")

    roles: list[str] = Field(min_length=1, max_length=50)


@router.get("")
async def people(door: _People) -> list[MemberView]:
    """Members, by e-mail address."""
    return [_member(one) for one in await door.accounts.members.all(door.scope)]


@router.put("/{person_id}/roles", status_code=204)
async def set_roles(person_id: UUID, form: RolesForm, door: _People) -> None:
    """Give a member exactly these roles; what they may do follows within seconds."""
    await door.accounts.members.set_roles(door.scope, person_id, form.roles, by=door.by)


@router.post("/{person_id}/deactivate", status_code=204)
async def deactivate(person_id: UUID, door: _People) -> None:
    """End a membership and its sessions."""
    await door.accounts.members.set_active(door.scope, person_id, False, by=door.by)


@router.post("/{person_id}/reactivate", status_code=204)
async def reactivate(person_id: UUID, door: _People) -> None:
    """Restore a membership."""
    await door.accounts.members.set_active(door.scope, person_id, True, by=door.by)


@router.post("/{person_id}/unlock", status_code=204)
async def unlock(person_id: UUID, door: _People) -> None:
    """Let somebody try again whom too many wrong passwords have locked out."""
    await door.accounts.members.unlock(door.scope, person_id, by=door.by)


@router.get("/{person_id}/sessions")
async def sessions_of(person_id: UUID, door: _People) -> list[SessionView]:
    """Where a member is signed in."""
    return [session_view(one) for one in await door.accounts.members.sessions_of(door.scope, person_id)]


@router.delete("/{person_id}/sessions", status_code=204)
async def end_sessions(person_id: UUID, door: _People) -> None:
    """Sign a member out everywhere in this tenant."""
    await door.accounts.members.end_sessions(door.scope, person_id, by=door.by)


def session_view(record: SessionRecord) -> SessionView:
    """A session without whose it is."""
    return SessionView.model_validate(record)


def _member(member: Member) -> MemberView:
    return MemberView.model_validate(member)
