from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from core.db import Database, Pools
from core.db.server import ensure_role
from core.errors import DeniedError, TransientError

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration


@asynccontextmanager
async def several(
    installation: Installation, *, databases: int, most: int, idle_s: float = 60.0, patience_s: float = 30.0
) -> AsyncIterator[tuple[Pools, list[Database]]]:
    """That many databases behind pools that are bounded."""

    async def dsn() -> str:
        return installation.postgres.dsn("postgres")

    pools = Pools(most, connections=2, idle_s=idle_s, patience_s=patience_s)
    try:
        yield pools, [pools.database(f"number {number}", dsn) for number in range(databases)]
    finally:
        await pools.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to that")


async def test_a_database_costs_no_pool_until_it_is_used(installation: Installation):
    async with several(installation, databases=500, most=3) as (pools, databases):
        assert pools.open == 0
        assert await databases[7].fetchval("select 1") == 1
        assert pools.open == 1


async def test_no_more_pools_open_than_allowed_and_every_database_still_answers(installation: Installation):
    async with several(installation, databases=20, most=3) as (pools, databases):
        seen: list[int] = []

        async def ask(number: int) -> int:
            answer = await databases[number % 20].fetchval("select $1::int", number)
            seen.append(pools.open)
            return answer

        assert await asyncio.gather(*(ask(number) for number in range(60))) == list(range(60))
        assert 1 <= max(seen) <= 3


async def test_the_pool_that_rested_longest_makes_room(installation: Installation):
    async with several(installation, databases=3, most=2) as (_, (a, b, c)):
        backend = "select pg_backend_pid()"
        first, second = await a.fetchval(backend), await b.fetchval(backend)
        assert await a.fetchval(backend) == first
        await c.fetchval(backend)

        assert await a.fetchval(backend) == first
        assert await b.fetchval(backend) != second


async def test_a_running_query_is_never_cut_for_somebody_else(installation: Installation):
    async with several(installation, databases=3, most=1) as (pools, (a, b, c)):
        async with a.transaction() as transaction:
            await transaction.execute("create temporary table mine (n int) on commit drop")
            others = asyncio.gather(b.fetchval("select 2"), c.fetchval("select 3"))
            await asyncio.sleep(0.1)
            assert not others.done()
            await transaction.execute("insert into mine values (1)")
            assert await transaction.fetchval("select n from mine") == 1

        assert await others == [2, 3]
        assert pools.open == 1


async def test_who_waits_too_long_for_a_place_may_try_again(installation: Installation):
    async with several(installation, databases=2, most=1, patience_s=0.1) as (_, (a, b)):
        async with a.transaction():
            with pytest.raises(TransientError, match="OPEN_POOLS"):
                await b.fetchval("select 1")
        assert await b.fetchval("select 1") == 1


async def test_a_pool_nobody_uses_is_closed_and_opens_again(installation: Installation):
    async with several(installation, databases=2, most=2, idle_s=0.1) as (pools, (a, b)):
        async with a.transaction():
            await b.fetchval("select 1")
            await until(lambda: pools.open == 1)
        await until(lambda: pools.open == 0)

        assert await asyncio.gather(*(a.fetchval("select $1::int", n) for n in range(5))) == list(range(5))


async def test_a_failed_opening_leaves_no_place_taken(installation: Installation):
    attempts = 0

    async def dsn() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise TransientError("nobody knows where it is")
        return installation.postgres.dsn("postgres")

    pools = Pools(1, connections=1, idle_s=60)
    database = pools.database("lost and found", dsn)
    with pytest.raises(TransientError):
        await database.fetchval("select 1")
    assert await database.fetchval("select 1") == 1
    await pools.close()
    assert pools.open == 0


async def test_a_database_that_came_back_under_another_password_is_found_again(installation: Installation):
    async with await Database.open(installation.postgres.dsn("postgres")) as server:
        await ensure_role(server, "comes_back", "first")
        await server.execute("grant connect on database postgres to comes_back")
        place = installation.postgres.dsn("postgres").rpartition("@")[2]
        password = "first"

        async def dsn() -> str:
            return f"postgresql://comes_back:{password}@{place}"

        pools = Pools(3, connections=1, idle_s=60.0)
        database = pools.database("coming back", dsn)
        try:
            assert await database.fetchval("select current_user") == "comes_back"
            password = "second"
            await ensure_role(server, "comes_back", password)
            await server.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'comes_back'")
            told = 0
            for _ in range(5):
                try:
                    assert await database.fetchval("select current_user") == "comes_back"
                    break
                except (DeniedError, TransientError):
                    told += 1
            assert told in (1, 2)
            assert await database.fetchval("select 1") == 1
        finally:
            await pools.close()
            await server.execute("revoke connect on database postgres from comes_back; drop role comes_back")
