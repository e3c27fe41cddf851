"""How often strangers may try the doors: 429 with `Retry-After` beyond it, the same whoever or whatever exists."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from fastapi import Request

from agents.api.client import client_of
from agents.api.signed_in import services


def attempt(
    request: Request, door: str, account: str | None, tenant: str | None = None
) -> AbstractAsyncContextManager[None]:
    """A block that is one attempt at a door; see `core.identity.attempts`."""
    return services(request).accounts.attempts.one(door, client_of(request).address, account, tenant)
