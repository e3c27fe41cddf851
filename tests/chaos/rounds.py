"""A round: known rows flow, things die, everything is healed and drained, and bronze is held against the source."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from cli.demo.stream import View
from tests.chaos.faults import Fault, Kind, draw
from tests.chaos.verdict import Judgement, judge_world, missing_now
from tests.chaos.world import World, running

ROWS = 600
SPEED = 60.0
"""Recorded seconds in one second: ten seconds of stream a round."""
_SETTLE_S = 180.0
_LOOK_EVERY_S = 0.3
_QUIET_LOOKS = 3


@dataclass(frozen=True)
class Round:
    """What one round did and what it showed."""

    number: int
    faults: list[Fault]
    kills: int
    in_flight: int
    """Kills that hit while a batch was in flight."""
    looks: int
    """Looks at the books at which readings were in flight; none may be called lost."""
    judgement: Judgement

    def __str__(self) -> str:
        judged = self.judgement
        said = ", ".join(str(fault) for fault in self.faults)
        return (
            f"round {self.number}: {self.kills} kills, {self.in_flight} with a batch in flight; "
            f"bronze {judged.bronze:,}, lost {judged.lost}, duplicated {judged.duplicated}, "
            f"in gaps {judged.gap_readings}, {self.looks} looks at readings in flight | {said}"
        )


async def rounds(folder: Path, count: int, seed: int, *, kafka: bool) -> AsyncIterator[Round]:
    """Go on where the folder's last round ended, until it has seen `count` rounds.

    Args:
        folder: run folder; remembers seed and rounds.
        count: rounds in all.
        seed: of a new folder; an older one keeps its own.
        kafka: over Apache Kafka.
    """
    mark = folder / "chaos.json"
    done = json.loads(mark.read_text())["rounds"] if mark.exists() else 0
    if done >= count:
        return
    async with running(folder, kafka=kafka) as world:
        for number in range(done, count):
            yield await _round(world, seed, number, kafka=kafka)
            mark.write_text(json.dumps({"rounds": number + 1, "seed": seed}) + "\n")


def seed_of(folder: Path, otherwise: int) -> int:
    """The seed an earlier run began with."""
    mark = folder / "chaos.json"
    return int(json.loads(mark.read_text())["seed"]) if mark.exists() else otherwise


async def _round(world: World, seed: int, number: int, *, kafka: bool) -> Round:
    faults = draw(seed, number, ROWS / SPEED, kafka=kafka)
    world.plants.write_chunk(seed, number, ROWS)
    await world.start_plants(SPEED)
    hits: list[bool] = []
    over = asyncio.Event()
    watching = asyncio.create_task(_watched(world, over))
    try:
        for fault in faults:
            await asyncio.sleep(fault.after_s)
            hits.append(await world.strike(fault))
        asleep = world.heal()
        await _settled(world)
    finally:
        over.set()
        looks, wrong = await watching
    await world.stop_plants()
    judgement = await asyncio.to_thread(judge_world, world)
    judgement = replace(judgement, wrong=[*wrong, *judgement.wrong])
    kills = sum(fault.kind in (Kind.KILL, Kind.POINT) for fault in faults) - asleep
    # A fault point lies between a batch and its acknowledgement: who dies there has one in hand.
    points = sum(fault.kind is Kind.POINT for fault in faults) - asleep
    return Round(number, faults, kills, sum(hits) + points, looks, judgement)


async def _watched(world: World, over: asyncio.Event) -> tuple[int, list[str]]:
    """Look at the books until the round is over: looks with readings in flight, and what was called lost meanwhile."""
    looks, wrong = 0, list[str]()
    while not over.is_set():
        for lake in world.lakes:
            in_flight, lost = await asyncio.to_thread(missing_now, lake)
            looks += in_flight > 0
            if lost:
                wrong.append(f"the books call {lost} readings lost that are on their way: {lake.root}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await over.wait()
    return looks, wrong


async def _settled(world: World) -> View:
    """Wait until nothing has moved for a second with everything drained."""
    quiet, before = 0, ()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            while True:
                view = await world.look()
                quiet = quiet + 1 if view.settled and view.marks == before else 0
                before = view.marks
                if quiet >= _QUIET_LOOKS:
                    return view
                await asyncio.sleep(_LOOK_EVERY_S)
    raise AssertionError(f"the stream does not settle: {await world.look()}; logs: {world.run.logs}")
