"""`/api/v1/sessions`: where somebody is signed in, for their own eyes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from agents.api.administration.people import SessionView, session_view
from agents.api.signed_in import acting, services
from core.identity import Identity

router = APIRouter(prefix="/api/v1/sessions", tags=["Sign-in"])
_Person = Annotated[Identity, Depends(acting)]


class OwnSessionView(SessionView):
    """One's own session; `current` is the one that asks."""

    current: bool


@router.get("")
async def sessions(request: Request, person: _Person) -> list[OwnSessionView]:
    """One's open sessions in this tenant."""
    current = person.session
    found = await services(request).accounts.sessions.all(person.tenant, person.person_id)
    return [OwnSessionView(**session_view(one).model_dump(), current=one.id == current) for one in found]


@router.delete("/{auth_session_id}", status_code=204)
async def end(auth_session_id: UUID, request: Request, person: _Person) -> None:
    """End one of them; its tokens stop working within seconds."""
    await services(request).accounts.sessions.end(
        person.tenant, actor=person.actor, person_id=person.person_id, session_id=auth_session_id
    )
