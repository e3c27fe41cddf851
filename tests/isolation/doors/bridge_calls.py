"""Calls to bridges: which bridges A sees, and what comes of naming one of B's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from core.bridge_calls import BridgeCalls, Place, route
from tests.isolation.attempt import Attempt
from tests.isolation.techniques import hostile, some
from tests.isolation.world import HALL, World

NOT_A_DOOR: dict[str, str] = {}
_TRIED = 40
"""Texts for each place of a name."""


def found(world: World) -> set[str]:
    """Every call of the caller's side."""
    calls = inspect.getmembers(BridgeCalls, inspect.isfunction)
    return {f"bridge_calls.{name}" for name, _ in calls if not name.startswith("_")}


def attempts(world: World) -> Iterator[Attempt]:
    """A's places are counted; whatever names a site, a machine or a bridge is every text."""

    async def places(_: str) -> Any:
        return await _of_a(world).places(world.a.scope)

    async def by_site(text: str) -> Any:
        return route(await _of_a(world).places(world.a.scope), site=text)

    async def by_equipment(text: str) -> Any:
        return route(await _of_a(world).places(world.a.scope), equipment=text)

    async def by_bridge(text: str) -> Any:
        place = Place(text, HALL, frozenset(), None)
        return await _of_a(world).call(world.a.scope, place, "read_tag", {}, asked_by="eve")

    yield Attempt("bridge_calls.places", "list", "", places, most=1)
    told = some([("thing of the other tenant", "hidden-hall"), *hostile(world.names, "hidden")], _TRIED)
    tries: tuple[Callable[[str], Awaitable[Any]], ...] = (by_site, by_equipment)
    for technique, text in told:
        for call in tries:
            yield Attempt("bridge_calls.places", technique, text, call)
        yield Attempt("bridge_calls.call", technique, text, by_bridge, refused=True)
    hidden = "hidden-hall-bridge"
    yield Attempt("bridge_calls.call", "thing of the other tenant", hidden, by_bridge, refused=True)
    yield Attempt("bridge_calls.places", "own thing", HALL, by_site, own=True)


def _of_a(world: World) -> BridgeCalls:
    return BridgeCalls(world.tenancy.platform)
