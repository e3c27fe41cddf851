"""Doors: sign in, renew a session, sign out, and the public keys tokens can be verified with.

The refresh token lives in a cookie that no script can read and that no other site's page can send (HttpOnly,
SameSite=Strict, only to these paths): what a script could read, a stolen script could carry off for the session's
whole life. The access token is in the page's hands, because it must not travel by itself, and it is short-lived.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from agents.api.attempts import attempt
from agents.api.client import client_of
from agents.api.problems import UnauthenticatedError
from agents.api.services import SignedIn
from agents.api.signed_in import acting, services, signed_in
from core.errors import DeniedError
from core.identity import Identity, SessionTokens

PREFIX = "/api/v1/auth"
COOKIE = "goldlayer_refresh"
router = APIRouter(tags=["Sign-in"])


class SignInForm(BaseModel):
    """A tenant is named at the door one signs in at, and nowhere else but in `SwitchForm`."""

    model_config = ConfigDict(extra="forbid")

    tenant: str = Field(min_length=1, max_length=64)
    email: str = Field(min_length=3, max_length=254)
    password: SecretStr = Field(max_length=1024)


class RefreshForm(BaseModel):
    """Which session is meant, for a page whose browser may have signed in elsewhere since."""

    model_config = ConfigDict(extra="forbid")

    session_id: UUID | None = None


class Token(BaseModel):
    """A signed token for the `Authorization: Bearer` header; the session's refresh token comes as a cookie."""

    token: str
    token_type: str = "bearer"  # noqa: S105  the word of RFC 6750
    expires_in: int
    """Seconds."""
    session_id: UUID


class Me(BaseModel):
    """Who is signed in."""

    name: str
    email: str
    tenant_name: str
    permissions: list[str]


def give_session(request: Request, response: Response, tokens: SessionTokens) -> Token:
    """Hand a new session's tokens to a browser or program."""
    response.set_cookie(
        COOKIE,
        tokens.refresh,
        expires=tokens.expires_at,
        path=PREFIX,
        secure=_secure(request),
        httponly=True,
        samesite="strict",
    )
    return Token(token=tokens.access, expires_in=tokens.access_s, session_id=tokens.session_id)


def _secure(request: Request) -> bool:
    """Whether the cookie may travel by TLS only; a proxy in front speaks plain HTTP to us, so the address decides."""
    return services(request).federation.secure or request.url.scheme == "https"


def unauthenticated(error: DeniedError) -> UnauthenticatedError:
    """The same refusal, as 401."""
    return UnauthenticatedError(f"{error.what}; {error.next_step}" if error.next_step else error.what)


@router.post(f"{PREFIX}/sign-in")
async def sign_in(form: SignInForm, request: Request, response: Response) -> Token:
    """Exchange e-mail and password for a session of one tenant."""
    try:
        async with attempt(request, "sign-in", form.email, form.tenant):
            tokens = await services(request).accounts.sign_in(
                form.tenant, form.email, form.password.get_secret_value(), client_of(request)
            )
    except DeniedError as error:
        raise unauthenticated(error) from error
    return give_session(request, response, tokens)


@router.post(f"{PREFIX}/refresh", response_model=Token, responses={204: {"description": "No session to renew."}})
async def refresh(form: RefreshForm, request: Request, response: Response) -> Token | Response:
    """Renew the session of the refresh cookie; without one there is nothing to renew, which is no error."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        return Response(status_code=204)
    try:
        async with attempt(request, "refresh", token):
            tokens = await services(request).accounts.refresh(token, session_id=form.session_id)
    except DeniedError as error:
        raise unauthenticated(error) from error
    return give_session(request, response, tokens)


@router.post(f"{PREFIX}/sign-out", status_code=204)
async def sign_out(request: Request, response: Response, person: Annotated[Identity, Depends(acting)]) -> None:
    """End this session; its tokens stop working."""
    await services(request).accounts.sign_out(person)
    response.delete_cookie(COOKIE, path=PREFIX, secure=_secure(request), httponly=True, samesite="strict")


@router.get("/api/v1/me")
async def me(person: Annotated[SignedIn, Depends(signed_in)]) -> Me:
    """Who is signed in."""
    return Me(
        name=person.name,
        email=person.email,
        tenant_name=person.tenant.name,
        permissions=sorted(person.permissions),
    )


@router.get("/.well-known/jwks.json")
async def public_keys(request: Request) -> dict[str, list[dict[str, str]]]:
    """The keys access tokens are signed with, as a JSON Web Key Set."""
    return services(request).accounts.keys.published()
