"""A door without an attack is a failure: what the product has, by introspection, is what the rooms try."""

from __future__ import annotations

import pytest

from tests.isolation.rooms import ROOMS
from tests.isolation.world import World

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("isolation"),
]


@pytest.mark.parametrize("room", ROOMS)
async def test_every_door_is_tried(world: World, room: str) -> None:
    doors = ROOMS[room]
    tried = {attempt.door for attempt in doors.attempts(world)}
    found = doors.found(world)

    assert sorted(found - tried - doors.NOT_A_DOOR.keys()) == []
    assert sorted(tried - found) == []
    assert sorted(doors.NOT_A_DOOR.keys() - found) == []
