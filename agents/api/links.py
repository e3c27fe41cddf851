"""Doors for whoever holds a link, and the one from a tenant of one's own to another.

A link that was used, has expired, is forged or was another tenant's is answered in one and the same way: 401, and no
more than that it is not valid any more.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agents.api.attempts import attempt
from agents.api.auth import PREFIX, Token, give_session, unauthenticated
from agents.api.client import client_of
from agents.api.signed_in import acting, services
from core.errors import DeniedError
from core.identity import Identity

router = APIRouter(prefix=PREFIX, tags=["Sign-in"])


class AcceptForm(BaseModel):
    """Name and password in the tenant that invites, whoever one may be in another."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=4096)
    name: str = Field("", max_length=200)
    """The one in the invitation, if empty."""
    password: SecretStr = Field(max_length=1024)


class ResetForm(BaseModel):
    """A new password for whom the link was made."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=4096)
    password: SecretStr = Field(max_length=1024)


class LinkForm(BaseModel):
    """A link, to look at what it is for or to accept it as who one is."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=4096)


class SwitchForm(BaseModel):
    """Which of one's own tenants; one's memberships decide, and another's is answered like one that never was."""

    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(min_length=1, max_length=64)


class InvitationLook(BaseModel):
    """What an invitation is for, for whoever holds it."""

    tenant_name: str
    email: str
    name: str


class ResetLook(BaseModel):
    """Whose password a link sets, for whoever holds it."""

    tenant: str
    tenant_name: str
    email: str


@router.post("/invitations/look")
async def look_at_invitation(form: LinkForm, request: Request) -> InvitationLook:
    """What an invitation is for."""
    try:
        async with attempt(request, "link", form.token):
            told = await services(request).accounts.invitations.look(form.token)
    except DeniedError as error:
        raise unauthenticated(error) from error
    return InvitationLook(tenant_name=told.tenant_name, email=told.email, name=told.name)


@router.post("/password-reset/look")
async def look_at_reset(form: LinkForm, request: Request) -> ResetLook:
    """Whose password a link sets."""
    try:
        async with attempt(request, "link", form.token):
            scope, email = await services(request).accounts.credentials.look(form.token)
    except DeniedError as error:
        raise unauthenticated(error) from error
    return ResetLook(tenant=scope.slug, tenant_name=scope.name, email=email)


@router.post("/invitations/accept", status_code=201)
async def accept(form: AcceptForm, request: Request, response: Response) -> Token:
    """Become a member by an invitation, as somebody new, and a session as one."""
    try:
        async with attempt(request, "link", form.token):
            tokens = await services(request).accounts.accept_invitation(
                form.token, form.name, form.password.get_secret_value(), client_of(request)
            )
    except DeniedError as error:
        raise unauthenticated(error) from error
    return give_session(request, response, tokens)


@router.post("/invitations/join", status_code=201)
async def join(
    form: LinkForm, request: Request, response: Response, person: Annotated[Identity, Depends(acting)]
) -> Token:
    """Accept an invitation of another tenant as the person one is signed in as, and a session there."""
    try:
        async with attempt(request, "link", form.token):
            tokens = await services(request).accounts.join(person, form.token, client_of(request))
    except DeniedError as error:
        await services(request).accounts.record_denied(person, f"POST {PREFIX}/invitations/join", error.what)
        raise
    return give_session(request, response, tokens)


@router.post("/password-reset", status_code=204)
async def reset(form: ResetForm, request: Request) -> None:
    """Set a new password by a link; every session of the person ends."""
    try:
        async with attempt(request, "link", form.token):
            await services(request).accounts.credentials.set_by_link(form.token, form.password.get_secret_value())
    except DeniedError as error:
        raise unauthenticated(error) from error


@router.post("/switch")
async def switch(
    form: SwitchForm, request: Request, response: Response, person: Annotated[Identity, Depends(acting)]
) -> Token:
    """A session in another of one's tenants; the cookie renews that one from now on, and this one stays open."""
    accounts = services(request).accounts
    try:
        tokens = await accounts.switch(person, form.tenant, client_of(request))
    except DeniedError as error:
        # Not what was asked for: it may be another tenant's name.
        await accounts.record_denied(person, f"POST {PREFIX}/switch", error.what)
        raise
    return give_session(request, response, tokens)
