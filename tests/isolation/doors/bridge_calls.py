"""Calls to bridges: which bridges A sees, and what comes of naming one of B's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from core.bridge_calls import BridgeCalls, Place, SiteReader, route
from tests.isolation.attempt import Attempt
from tests.isolation.techniques import hostile, some
from tests.isolation.world import HALL, World

NOT_A_DOOR: dict[str, str] = {}
_SINCE = datetime(2024, 1, 1, tzinfo=UTC)
_UNTIL = _SINCE + timedelta(days=1)
_TRIED = 40
"""Texts for each place of a name."""


def found(world: World) -> set[str]:
    """Every call of the caller's side, and every call that tools are given."""
    sides = (("bridge_calls", BridgeCalls), ("site_reader", SiteReader))
    calls = {f"{side}.{name}" for side, kind in sides for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    return {name for name in calls if not name.partition(".")[2].startswith("_")}


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
    yield from _tools(world, [*told, ("thing of the other tenant", "hidden-pump")])


def _tools(world: World, told: Sequence[tuple[str, str]]) -> Iterator[Attempt]:
    """What tools are given: no bridge is connected, so that whoever is found is offline and nobody is ever read."""

    async def tag(text: str) -> Any:
        return await _tools_of_a(world).read_tag(text, "flow")

    async def tag_of_site(text: str) -> Any:
        return await _tools_of_a(world).read_tag("pump", text, site=text)

    async def machine(text: str) -> Any:
        return await _tools_of_a(world).snapshot(text)

    async def site(text: str) -> Any:
        return await _tools_of_a(world).snapshot(site=text)

    async def past(text: str) -> Any:
        return await _tools_of_a(world).historian_query(text, text, _SINCE, _UNTIL, site=text)

    doors = (("read_tag", tag), ("read_tag", tag_of_site), ("snapshot", machine), ("snapshot", site),
             ("historian_query", past))  # fmt: skip
    for technique, text in told:
        for name, call in doors:
            yield Attempt(f"site_reader.{name}", technique, text, call, refused=True)


def _tools_of_a(world: World) -> SiteReader:
    return SiteReader(_of_a(world), world.a.scope, "eve")


def _of_a(world: World) -> BridgeCalls:
    return BridgeCalls(world.tenancy.platform)
