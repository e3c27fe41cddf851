"""Room for batches, lent and returned."""

from __future__ import annotations

import asyncio

from ingestion.gateway.budget import ByteBudget


async def turns(*waiting: asyncio.Task[None]) -> list[bool]:
    """Which of them have got what they asked for, once everybody has had the time to."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [one.done() for one in waiting]


async def test_who_asked_first_is_served_first_however_little_the_next_wants() -> None:
    budget = ByteBudget(10)
    await budget.take(8)
    large, small = (asyncio.create_task(budget.take(size)) for size in (5, 1))
    assert await turns(large, small) == [False, False]
    budget.give_back(2)
    assert await turns(large, small) == [False, False]
    budget.give_back(6)
    assert (await turns(large, small), budget.held) == ([True, True], 6)


async def test_what_is_larger_than_everything_waits_until_it_is_alone() -> None:
    budget = ByteBudget(10)
    await budget.take(1)
    huge = asyncio.create_task(budget.take(100))
    assert await turns(huge) == [False]
    budget.give_back(1)
    assert (await turns(huge), budget.held) == ([True], 100)


async def test_who_goes_away_keeps_nobody_waiting() -> None:
    budget = ByteBudget(10)
    await budget.take(8)
    gone, next_one = (asyncio.create_task(budget.take(size)) for size in (5, 2))
    await turns(gone, next_one)
    gone.cancel()
    assert (await turns(next_one), budget.held) == ([True], 10)
    late = asyncio.create_task(budget.take(4))
    await turns(late)
    budget.give_back(10)  # lent to one who goes in the same moment
    late.cancel()
    assert (await turns(late), budget.held) == ([True], 0)
    leaving = asyncio.create_task(budget.take(10))
    assert await turns(leaving) == [True]
