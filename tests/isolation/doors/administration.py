"""Administering people, roles, keys, invitations and sessions: as A's administrator, with names and ids of B's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

from core.audit import Actor
from core.identity.api_keys import ApiKeys, NewKey
from core.identity.authority import Authority
from core.identity.credentials import Credentials
from core.identity.invitations import Invitations
from core.identity.links import Link
from core.identity.members import Members
from core.identity.roles import Roles
from core.identity.sessions import Client, Sessions, SessionTokens
from tests.isolation.attempt import Attempt
from tests.isolation.world import PASSWORD, World

_KINDS = {
    "members": Members,
    "roles": Roles,
    "api_keys": ApiKeys,
    "invitations": Invitations,
    "sessions": Sessions,
    "credentials": Credentials,
}
_OPERATOR = "the operator's, who sees all tenants"
NOT_A_DOOR = {
    "administration.members.add": _OPERATOR,
    "administration.roles.grant_module_permissions": "the platform's own, when a module comes in",
}
_OF_ITS_OWN = (Link, NewKey, SessionTokens)
"""Secrets that are new each time: that one was made is the whole answer."""


def found(world: World) -> set[str]:
    """Every call that works in a tenant."""
    return {f"administration.{room}.{name}" for room, name, _ in _calls()}


def _calls() -> Iterator[tuple[str, str, list[str]]]:
    for room, kind in _KINDS.items():
        for name, call in inspect.getmembers(kind, inspect.isfunction):
            parameters = list(inspect.signature(call).parameters)
            if not name.startswith("_") and "scope" in parameters:
                yield room, name, parameters[2:]


def attempts(world: World) -> Iterator[Attempt]:
    """What is listed, before anything is written; then every call with one thing of B's among A's."""
    for room, name, parameters in sorted(_calls(), key=lambda call: bool(call[2])):
        door = f"administration.{room}.{name}"
        if door in NOT_A_DOOR:
            continue
        if not parameters:
            yield Attempt(door, "list", "", _asked(world, room, name, [], None))
        for one in parameters:
            if one in _hidden(world):
                yield Attempt(
                    door, f"the other's {one}", _hidden(world)[one], _asked(world, room, name, parameters, one)
                )


def _own(world: World) -> dict[str, Any]:
    """What A's administrator may say in each place."""
    actor, a = Actor.user(world.a.email), world.a
    said = {"by": Authority(actor, None), "actor": actor, "person_id": a.person_id, "key_id": a.staff.key_id}
    said |= {"invitation_id": a.staff.invitation_id, "email": a.email, "code": "viewer", "name": "New name"}
    said |= {"roles": ["viewer"], "permissions": [], "principal": "robot", "purpose": "attack", "method": "password"}
    said |= {
        "reason": "attack",
        "active": True,
        "given": frozenset[str](),
        "governed": frozenset[str](),
        "password": PASSWORD,
    }
    return said | {"client": Client("", "")}


def _hidden(world: World) -> dict[str, str]:
    """What only B has, by the place where it can be named."""
    b = world.b
    ids = {"person_id": b.person_id, "key_id": b.staff.key_id, "invitation_id": b.staff.invitation_id}
    named = {"email": b.email, "code": "hidden_role", "roles": "hidden_role"}
    named |= {"permissions": "HIDDEN.READ"}
    return named | {name: str(one) for name, one in ids.items()} | {"session_id": str(b.session_of_token)}


def _asked(
    world: World, room: str, name: str, parameters: list[str], place: str | None
) -> Callable[[str], Awaitable[Any]]:
    async def call(text: str) -> Any:
        given = {one: value for one, value in _own(world).items() if one in parameters}
        if place is not None:
            value = UUID(text) if place.endswith("_id") else text
            given[place] = [value] if place in ("roles", "permissions") else value
        told = await getattr(getattr(world.identity, room), name)(world.a.scope, **given)
        return type(told).__name__ if isinstance(told, _OF_ITS_OWN) else told

    return call
