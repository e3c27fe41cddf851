"""What modules ask the platform about their tenant: every call of the core data service, for a person of A."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from core.errors import DeniedError
from core.sdk.core_data import CoreDataService
from tests.isolation.attempt import Attempt
from tests.isolation.filling import MODULE, SECRET
from tests.isolation.techniques import hostile
from tests.isolation.world import World

Place = Callable[[CoreDataService, str], Awaitable[Any]]
NOT_A_DOOR: dict[str, str] = {}
_LISTS = {
    "get_current_tenant": None,
    "get_tenant_users": 4,
    "get_tenant_subscriptions": None,
    "get_active_bridges": 1,
    "get_notifications": None,
}
"""Calls without a parameter, and how many A has of what they list."""


def found(world: World) -> set[str]:
    """Every call of the service."""
    calls = inspect.getmembers(CoreDataService, inspect.isfunction)
    return {f"core_data.{name}" for name, _ in calls if not name.startswith("_")}


async def _secret_of(core: CoreDataService, module_code: str) -> str:
    return (await core.within(module_code, None).get_secret(SECRET, purpose="attack")).reveal()


async def _secret(core: CoreDataService, key: str) -> str:
    return (await core.within(MODULE, None).get_secret(key, purpose="attack")).reveal()


async def _purpose(core: CoreDataService, purpose: str) -> str:
    return (await core.within(MODULE, "agent").get_secret(SECRET, purpose=purpose)).reveal()


async def _within(core: CoreDataService, text: str) -> Any:
    bound = core.within(text, text)
    return [await bound.get_current_tenant(), await bound.get_tenant_users(), await bound.has_module(MODULE)]


PLACES: dict[str, list[Place]] = {
    "get_tenant_users": [lambda core, text: core.get_tenant_users(role=text)],
    "get_user_permissions": [lambda core, text: core.get_user_permissions(text)],
    "get_module_settings": [lambda core, text: core.get_module_settings(text)],
    "has_module": [lambda core, text: core.has_module(text)],
    "get_notifications": [lambda core, text: core.get_notifications(len(text))],
    "get_secret": [_secret, _secret_of, _purpose],
    "within": [_within],
}


def attempts(world: World) -> Iterator[Attempt]:
    """Lists are counted; every text is every text."""
    for name, most in _LISTS.items():
        call = lambda core, _, name=name: getattr(core, name)()  # noqa: E731
        yield Attempt(f"core_data.{name}", "list", "", _asked(world, call), most)
    told = [*hostile(world.names, "hidden"), ("thing of the other tenant", "hidden"), ("own thing", MODULE)]
    for name, places in PLACES.items():
        for place in places:
            for technique, text in told:
                yield Attempt(f"core_data.{name}", technique, text, _asked(world, place))
        yield Attempt(
            f"core_data.{name}",
            "own thing",
            MODULE,
            _asked(world, places[0]),
            own=name not in ("get_secret", "get_tenant_users"),
        )
    yield Attempt("core_data.get_secret", "own thing", SECRET, _asked(world, _secret), own=True)
    yield Attempt("core_data.get_secret", "bound to no module", SECRET, _asked(world, _unbound), refused=True)


async def _unbound(core: CoreDataService, key: str) -> Any:
    return (await core.get_secret(key, purpose="attack")).reveal()


def _asked(world: World, place: Place) -> Callable[[str], Awaitable[Any]]:
    async def call(text: str) -> Any:
        context = await world.services.context_of(await world.services.identity.verify(world.a.token))
        if context.core is None:
            raise DeniedError("the context has no core data")
        return await place(context.core, text)

    return call
