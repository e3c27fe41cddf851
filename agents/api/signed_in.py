"""Who is asking: the bearer token is the only thing that says which tenant this is."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from agents.api.problems import UnauthenticatedError
from agents.api.services import Services, SignedIn
from core.errors import DeniedError
from core.identity import Identity
from core.sdk.context import ToolContext
from core.sdk.web import STATE_KEY


def services(request: Request) -> Services:
    """What the app was built over."""
    return cast("Services", request.app.state.services)


async def signed_in(request: Request) -> SignedIn:
    """The person behind the token.

    Raises:
        UnauthenticatedError: no token, or one that is not valid now.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("a bearer token is missing")
    try:
        return await services(request).identity.verify(token.strip())
    except DeniedError as error:
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
