"""Waiting for the stream to settle: everything served, journaled, contracted, acknowledged and committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.books import BridgeBooks
from cli.demo.plants import PlantState
from cli.demo.progress import Progress

_LOOK_EVERY_S = 1.0
_TELL_EVERY = 3
_QUIET_LOOKS = 2


@dataclass(frozen=True, slots=True)
class View:
    """One look at the stream."""

    plants: list[PlantState]
    books: list[BridgeBooks]
    waiting: int

    @property
    def settled(self) -> bool:
        """Nothing is on its way any more."""
        drained = all(not b.engine_lag and not b.unacknowledged_batches for b in self.books)
        return all(plant.done for plant in self.plants) and drained and not self.waiting

    @property
    def marks(self) -> tuple[int, ...]:
        """Figures that stand still once the stream has settled."""
        return tuple(b.totals.read for b in self.books) + tuple(b.sent for b in self.books)

    def __str__(self) -> str:
        served = sum(plant.readings_served for plant in self.plants)
        total = sum(plant.readings_total for plant in self.plants)
        read, sent = sum(b.totals.read for b in self.books), sum(b.sent for b in self.books)
        return f"served {served:,} of {total:,}, read {read:,}, sent {sent:,}, waiting in the log {self.waiting:,}"


async def until_settled(look: Callable[[], Awaitable[View]], progress: Progress) -> View:
    """Look until nothing moved for two seconds with everything drained; tells every three seconds."""
    quiet, rounds = 0, 0
    before: tuple[int, ...] = ()
    while True:
        view = await look()
        still = view.settled and view.marks == before
        quiet, before = (quiet + 1 if still else 0), view.marks
        if quiet >= _QUIET_LOOKS:
            progress.say(f"  {view}")
            return view
        if rounds % _TELL_EVERY == 0:
            progress.say(f"  {view}")
        rounds += 1
        await asyncio.sleep(_LOOK_EVERY_S)
