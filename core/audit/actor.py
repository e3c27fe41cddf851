"""Who acts: a closed set of kinds, and through which face in which request it reached the platform."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4


class ActorKind(StrEnum):
    """What can act; the table's own check knows the same words."""

    USER = "user"
    AGENT = "agent"
    BRIDGE = "bridge"
    SERVICE = "service"
    SCHEDULE = "schedule"
    API_KEY = "api_key"
    COMMAND = "command"


class Interface(StrEnum):
    """The face an action came in by."""

    UI = "ui"
    API = "api"
    AGENT = "agent"
    BRIDGE = "bridge"
    CLI = "cli"
    INTERNAL = "internal"


_FIXED = {
    ActorKind.AGENT: Interface.AGENT,
    ActorKind.BRIDGE: Interface.BRIDGE,
    ActorKind.COMMAND: Interface.CLI,
    ActorKind.SERVICE: Interface.INTERNAL,
    ActorKind.SCHEDULE: Interface.INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """One who acts.

    Attributes:
        kind: in which capacity.
        name: e-mail address of a user, code of an agent or module, id of a bridge, name of a part, key or command.
        acting_for: e-mail address of the user whose rights an agent works with.
    """

    kind: ActorKind
    name: str
    acting_for: str | None = None

    @classmethod
    def user(cls, email: str) -> Actor:
        """A person, by the address they sign in with."""
        return cls(ActorKind.USER, email)

    @classmethod
    def agent(cls, code: str, acting_for: str | None) -> Actor:
        """An agent; one without a user acts as its own service principal."""
        return cls(ActorKind.AGENT, code, acting_for)

    @classmethod
    def command(cls, name: str) -> Actor:
        """A command of the operator, `tenants create`."""
        return cls(ActorKind.COMMAND, name)

    @classmethod
    def service(cls, name: str) -> Actor:
        """A part of the platform that acts by itself."""
        return cls(ActorKind.SERVICE, name)

    def __str__(self) -> str:
        acting = f" for {self.acting_for}" if self.acting_for else ""
        return f"{self.kind}:{self.name}{acting}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, and the id that everything it causes is found by."""

    interface: Interface
    request_id: str


_ORIGIN: ContextVar[Origin | None] = ContextVar("origin", default=None)


@contextmanager
def request(interface: Interface, request_id: str | None = None) -> Generator[Origin]:
    """Everything recorded inside belongs to one request; set at the rim, where requests come in."""
    origin = Origin(interface, request_id or uuid4().hex)
    token = _ORIGIN.set(origin)
    try:
        yield origin
    finally:
        _ORIGIN.reset(token)


def origin_of(actor: Actor) -> Origin:
    """The request this runs in, seen from an actor: agents, bridges and the platform's own parts have one face each.

    Outside of any request a user or key is taken to have come by the API, under an id of its own.
    """
    current = _ORIGIN.get() or Origin(Interface.API, uuid4().hex)
    return Origin(_FIXED.get(actor.kind, current.interface), current.request_id)
