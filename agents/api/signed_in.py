"""Who is asking: the bearer token is the only thing that says which tenant this is."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from agents.api.client import client_of
from agents.api.problems import UnauthenticatedError
from agents.api.services import Services, SignedIn
from core.errors import DeniedError
from core.identity import Identity
from core.sdk.context import ToolContext
from core.sdk.web import STATE_KEY
from core.tenancy.keys import KEY_MARK


def services(request: Request) -> Services:
    """What the app was built over."""
    return cast("Services", request.app.state.services)


async def signed_in(request: Request) -> SignedIn:
    """The person behind the token.

    Raises:
        UnauthenticatedError: no token, or one that is not valid now.
        TooManyRequestsError: a key came too often, or too many from there were none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("a bearer token is missing")
    token = token.strip()
    accounts, address = services(request).accounts, client_of(request).address
    guessed = token.startswith(KEY_MARK) and not accounts.is_familiar(token)
    if guessed:
        accounts.attempts.require_few("key", address, token)
    try:
        return await services(request).identity.verify(token)
    except DeniedError as error:
        if guessed:
            await accounts.attempts.failed("key", address, token)
        raise UnauthenticatedError(error.what) from error


async def acting(person: Annotated[SignedIn, Depends(signed_in)]) -> Identity:
    """The same person, with the session they act in."""
    if not isinstance(person, Identity):
        raise TypeError("a verified person is an identity")
    return person


async def tool_context(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> ToolContext:
    """What the person works with; module routes find it in the request's state."""
    context = await services(request).context_of(person)
    setattr(request.state, STATE_KEY, context)
    return context
