"""Everything somebody of A can try at every door, and nothing of B comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.isolation.attempt import leaks_of
from tests.isolation.rooms import ROOMS
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
    for attempt in ROOMS[room].attempts(world):
        pairs[attempt.door, attempt.technique] += 1
        leaks += await leaks_of(attempt, detector)
    record_property("isolation", [pairs.total(), len(pairs), len(leaks)])
    # One of a kind: the same hole is met by many inputs.
    kinds = {(leak.door, leak.technique, leak.why): leak for leak in leaks}
    assert not kinds, f"{len(leaks)} leaks, {len(kinds)} kinds:\n" + "\n".join(map(str, list(kinds.values())[:40]))
