"""Everything somebody of A can try at every door: nothing of B comes out, and nothing of B changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.isolation.attempt import leaks_of
from tests.isolation.detector import Leak
from tests.isolation.rooms import ROOMS
from tests.isolation.server import rows_of_b
from tests.isolation.world import World

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("isolation"),
]


@pytest.mark.parametrize("room", ROOMS)
async def test_nothing_of_b_is_seen_at(world: World, room: str, record_property: Callable[[str, object], None]) -> None:
    detector = world.detector()
    pairs: Counter[tuple[str, str]] = Counter()
    leaks = []
    before = await rows_of_b(world.server, world.b.scope.id)
    for attempt in ROOMS[room].attempts(world):
        pairs[attempt.door, attempt.technique] += 1
        leaks += await leaks_of(attempt, detector)
    after = await rows_of_b(world.server, world.b.scope.id)
    for table in sorted(before.keys() | after.keys()):
        if before.get(table) != after.get(table):
            leaks.append(Leak(room, "any of them", table, "changes what is the other's", ""))
    record_property("isolation", [pairs.total(), len(pairs), len(leaks)])
    # One of a kind: the same hole is met by many inputs.
    kinds = {(leak.door, leak.technique, leak.why): leak for leak in leaks}
    assert not kinds, f"{len(leaks)} leaks, {len(kinds)} kinds:\n" + "\n".join(map(str, list(kinds.values())[:40]))
