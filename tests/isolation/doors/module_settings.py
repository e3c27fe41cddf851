"""What a tenant chose of its modules' settings: with A's scope, every text that can be asked or set."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from core.module_settings import ModuleSettings
from tests.isolation.attempt import Attempt
from tests.isolation.filling import ACTOR, MODULE
from tests.isolation.techniques import hostile
from tests.isolation.world import CHOSEN, SETTING, A, B, World

NOT_A_DOOR = {"module_settings.decide": "the operator's word for all tenants: it holds nothing of one of them"}


def found(world: World) -> set[str]:
    """Every call of the settings."""
    del world
    calls = inspect.getmembers(ModuleSettings, inspect.iscoroutinefunction)
    return {f"module_settings.{name}" for name, _ in calls if not name.startswith("_")}


def attempts(world: World) -> Iterator[Attempt]:
    """A's own first, so that refusals show something; then each text as module, as key and as value."""
    settings, scope = world.settings, world.a.scope
    told = [*hostile(world.names, "hidden"), ("thing of the other tenant", "hidden"), ("its choice", str(CHOSEN[B]))]

    async def effective(text: str) -> Any:
        found = await settings.effective(scope, text)
        assert found[SETTING].value == CHOSEN[A], "another's choice counts"
        return found

    async def choose_in(text: str) -> Any:
        return await settings.choose(scope, text, {SETTING: CHOSEN[A]}, actor=ACTOR)

    async def choose_key(text: str) -> Any:
        return await settings.choose(scope, MODULE, {text: CHOSEN[A]}, actor=ACTOR)

    async def choose_value(text: str) -> Any:
        return await settings.choose(scope, MODULE, {SETTING: text}, actor=ACTOR)

    async def give_up_in(text: str) -> Any:
        return await settings.give_up(scope, text, [], actor=ACTOR)

    async def give_up_key(text: str) -> Any:
        return await settings.give_up(scope, MODULE, [text], actor=ACTOR)

    yield Attempt("module_settings.effective", "own thing", MODULE, effective, own=True)
    yield Attempt("module_settings.choose", "own thing", MODULE, choose_in, own=True)
    yield Attempt("module_settings.give_up", "own thing", MODULE, give_up_in, own=True)
    places: dict[str, list[Callable[[str], Awaitable[Any]]]] = {
        "effective": [effective],
        "choose": [choose_in, choose_key, choose_value],
        "give_up": [give_up_in, give_up_key],
    }
    for name, calls in places.items():
        for call in calls:
            for technique, text in told:
                yield Attempt(f"module_settings.{name}", technique, text, call, refused=True)
    yield Attempt("module_settings.effective", "own thing", MODULE, effective, own=True)
