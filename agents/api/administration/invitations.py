"""`/api/v1/invitations`: links that make somebody a member, one or a list of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from agents.api.administration.door import Administration, administration
from agents.api.signed_in import services
from core.identity.bulk import MOST_LINES, Line, LineResult, invite_all

router = APIRouter(prefix="/api/v1/invitations", tags=["Administration"])
_Invitations = Annotated[Administration, Depends(administration("PLATFORM.MANAGE_PEOPLE"))]


class InvitationForm(BaseModel):
    """Whom to invite, and the roles they join with, by code."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(max_length=254)
    name: str = Field("", max_length=200)
    roles: list[str] = Field(min_length=1, max_length=50)


class InvitationView(BaseModel):
    """A link for the person concerned, good for one use and shown this once."""

    email: str
    link: str
    expires_at: datetime


class InvitedView(BaseModel):
    """What became of one of a list: a link, or why there is none."""

    number: int
    """Its place in the list, from 1."""
    email: str
    link: str | None
    expires_at: datetime | None
    problem: str | None


def _kind(body: Any) -> str:
    return "list" if isinstance(body, list) else "one"


_Many = Annotated[list[InvitationForm], Field(min_length=1, max_length=MOST_LINES)]
_Form = Annotated[Annotated[InvitationForm, Tag("one")] | Annotated[_Many, Tag("list")], Discriminator(_kind)]


@router.post(
    "", status_code=201, responses={207: {"model": list[InvitedView], "description": "Of a list, each alone."}}
)
async def invite(
    form: _Form, request: Request, response: Response, door: _Invitations
) -> InvitationView | list[InvitedView]:
    """Invite one person, or a list of which each stands or falls alone; older links of an address stop working."""
    reached, invitations = services(request).federation.public_url, door.accounts.invitations
    if isinstance(form, InvitationForm):
        link = await invitations.invite(door.scope, form.email, form.name, form.roles, by=door.by)
        return InvitationView(email=form.email, link=link.address(reached), expires_at=link.expires_at)
    lines = [Line(n, one.email, one.name, tuple(one.roles)) for n, one in enumerate(form, 1)]
    response.status_code = 207
    return [_view(one, reached) async for one in invite_all(invitations, door.scope, lines, by=door.by)]


def _view(result: LineResult, reached: str) -> InvitedView:
    link = result.link
    return InvitedView(
        number=result.line,
        email=result.email,
        link=link.address(reached) if link else None,
        expires_at=link.expires_at if link else None,
        problem=result.problem,
    )
