"""Doors for people who sign in at their tenant's identity provider.

The tenant in the path is the door somebody knocks at and no more: the session is of the tenant whose provider opened
it. It is the same session as a password's: the refresh token comes as a cookie, and the page renews from it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Annotated, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from agents.api.attempts import attempt
from agents.api.auth import PREFIX, give_session, unauthenticated
from agents.api.client import client_of
from agents.api.signed_in import services
from core.errors import DeniedError, InputError, TransientError
from core.identity.federation.errors import ProviderDownError, ProviderFaultError
from core.identity.federation.providers import Kind, Provider
from core.identity.federation.service import Begun, Federation, Finished
from core.identity.federation.ticket import LIFETIME_S
from core.log import get_logger

COOKIE = "goldlayer_sign_in"
_MOST_BYTES = 512 << 10
_log = get_logger("agents")
router = APIRouter(prefix=f"{PREFIX}/{{slug}}", tags=["Sign-in"])
by_address = APIRouter(prefix=PREFIX, tags=["Sign-in"])
Target = Annotated[str, Query(description="Path of this service to go to afterwards.")]


class Address(BaseModel):
    """Whose sign-in is looked for."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=254)


class Way(BaseModel):
    """One way to sign in, for the sign-in page."""

    name: str
    label: str
    kind: Literal["oidc", "saml"]
    start: str
    """Path the browser goes to."""


@router.get("/providers")
async def providers(slug: str, request: Request) -> list[Way]:
    """Ways to sign in at a tenant beside a password; none for a tenant that does not exist.

    None counts as a failed attempt, whether the tenant exists or not, so that names are not tried one after the other.
    """
    with suppress(DeniedError):
        async with attempt(request, "providers", None, slug):
            found = await _federation(request).offered(slug)
            if not found:
                raise DeniedError("the tenant offers nothing")
            return [_way(slug, one) for one in found]
    return []


@by_address.post("/ways")
async def ways(form: Address, request: Request) -> list[Way]:
    """Where somebody with this e-mail address signs in beside a password; its domain alone decides.

    An address that leads nowhere counts as a failed attempt, so that domains are not tried one after the other.
    """
    with suppress(DeniedError):
        async with attempt(request, "ways", None):
            slug, found = await _federation(request).leading(form.email)
            if not found:
                raise DeniedError("the address leads nowhere")
            return [_way(slug, one) for one in found]
    return []


@router.get("/oidc/{provider}/start", status_code=303)
async def oidc_start(slug: str, provider: str, request: Request, to: Target = "/") -> Response:
    """Go to an OpenID provider."""
    async with attempt(request, "start", None, slug):
        with _safe_answers():
            begun = await _federation(request).begin(slug, "oidc", provider, to)
    return _away(begun, slug, "oidc", provider, secure=_federation(request).secure)


@router.get("/oidc/{provider}/callback", status_code=303)
async def oidc_callback(slug: str, provider: str, request: Request) -> Response:
    """Come back from an OpenID provider."""
    async with attempt(request, "provider", None, slug):
        with _safe_answers():
            finished = await _federation(request).finish_oidc(
                slug, provider, request.cookies.get(COOKIE), request.query_params, client_of(request)
            )
    return _in(request, finished, slug, "oidc", provider)


@router.get("/saml/{provider}/start", status_code=303)
async def saml_start(slug: str, provider: str, request: Request, to: Target = "/") -> Response:
    """Go to a SAML provider."""
    async with attempt(request, "start", None, slug):
        with _safe_answers():
            begun = await _federation(request).begin(slug, "saml", provider, to)
    # The answer is posted by the provider's page, and a browser adds to that only what may come from other sites.
    return _away(begun, slug, "saml", provider, secure=True, same_site="none")


@router.post("/saml/{provider}/acs", status_code=303)
async def saml_acs(slug: str, provider: str, request: Request) -> Response:
    """Come back from a SAML provider: its assertion consumer service."""
    document = await _field(request, "SAMLResponse")
    async with attempt(request, "provider", None, slug):
        with _safe_answers():
            finished = await _federation(request).finish_saml(
                slug, provider, request.cookies.get(COOKIE), document, client_of(request)
            )
    return _in(request, finished, slug, "saml", provider)


@router.get("/saml/{provider}/metadata")
async def saml_metadata(slug: str, provider: str, request: Request) -> Response:
    """This service as a SAML provider must know it."""
    async with attempt(request, "start", None, slug):
        with _safe_answers():
            text = await _federation(request).saml_metadata(slug, provider)
    return Response(text, media_type="application/samlmetadata+xml")


def _federation(request: Request) -> Federation:
    return services(request).federation


def _way(slug: str, provider: Provider) -> Way:
    start = f"{_door(slug, provider.kind, provider.name)}/start"
    return Way(name=provider.name, label=provider.label, kind=provider.kind, start=start)


def _door(slug: str, kind: Kind, provider: str) -> str:
    return f"{PREFIX}/{slug}/{kind}/{provider}"


def _away(
    begun: Begun, slug: str, kind: Kind, provider: str, *, secure: bool, same_site: Literal["lax", "none"] = "lax"
) -> Response:
    response = RedirectResponse(begun.url, 303)
    path = _door(slug, kind, provider)
    response.set_cookie(
        COOKIE, begun.cookie, max_age=LIFETIME_S, path=path, secure=secure, httponly=True, samesite=same_site
    )
    return response


def _in(request: Request, finished: Finished, slug: str, kind: Kind, provider: str) -> Response:
    response = RedirectResponse(finished.target, 303)
    response.delete_cookie(COOKIE, path=_door(slug, kind, provider))
    give_session(request, response, finished.tokens)
    return response


async def _field(request: Request, name: str) -> str:
    """One field of a posted form, read no further than a response may be long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise InputError("the form is too long", expected=f"up to {_MOST_BYTES} bytes")
    values = parse_qs(body.decode("ascii", errors="replace"), max_num_fields=20).get(name, [])
    if len(values) != 1:
        raise InputError("the form is wrong", expected=f"one field {name}")
    return values[0]


@contextmanager
def _safe_answers() -> Generator[None]:
    """A refusal is 401, a provider's trouble 502 or 503; the facts of either go to the log and not to the browser."""
    try:
        yield
    except DeniedError as error:
        raise unauthenticated(error) from error
    except ProviderDownError as error:
        _log.warning("identity provider is down", action="sign_in", reason=str(error))
        raise TransientError(error.what, next_step="try again in a minute") from error
    except ProviderFaultError as error:
        _log.error("identity provider cannot be used", action="sign_in", reason=str(error))
        raise HTTPException(502, "the identity provider cannot be used; ask an administrator of the tenant") from error
