"""What the HTTP face stands on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from agents.executor import Executor
from agents.registry import Registry
from agents.sessions import Sessions
from core.identity import IdentityService
from core.identity.federation.service import Federation
from core.sdk.context import Person, ToolContext


class SignedIn(Person, Protocol):
    """A verified person."""

    @property
    def person_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...


class Verifier(Protocol):
    """Who a token speaks for; see `core.identity`."""

    async def verify(self, token: str) -> SignedIn: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need.

    Attributes:
        identity: verification of every request.
        accounts: sign-in, sessions and the administration of people.
        federation: sign-in through tenants' own identity providers.
        registry: tools of the loaded modules.
        executor: the loop.
        context_of: what a verified person works with; the only place a tenant's data is opened.
        sessions_of: a verified person's chat sessions.
    """

    identity: Verifier
    accounts: IdentityService
    federation: Federation
    registry: Registry
    executor: Executor
    context_of: Callable[[SignedIn], Awaitable[ToolContext]]
    sessions_of: Callable[[SignedIn], Awaitable[Sessions]]
