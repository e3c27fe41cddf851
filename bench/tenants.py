"""Many tenants on one machine: how long a new one takes beside all the others, and what they cost while they are used.

One PostgreSQL of its own with fsync. Tenants are made one after another, as `platform tenants create` makes them; then
one process works for all of them in turn, several at a time, and then rests; last, a module's tables are migrated in
all of them (`bench/migrating.py`).
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.claim import Claim
from bench.migrating import Fleet
from core.audit import Actor
from core.db import Database, TenantScope
from core.log import configure
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings, TenancySettings
from core.tenancy import Tenancy, init_platform

TENANTS = 200
CREATION_S = 2.0
"""Longest median a new tenant may take when all the others are there."""
OPEN_POOLS, IDLE_S = 50, 2.0
AT_ONCE, ROUNDS, LAST = 20, 2, 50
_ACTOR = Actor.command("bench")


def claims() -> Iterator[dict[str, Any]]:
    """Creation, pools and time, each against its limit."""
    configure("warning")
    yield from asyncio.run(_measure(TENANTS))


async def _measure(tenants: int) -> list[dict[str, Any]]:
    settings = Settings(tenancy=TenancySettings(open_pools=OPEN_POOLS, pool_idle_s=IDLE_S))
    with _installation(settings) as (run, postgres):
        await init_platform(run, postgres, settings)
        async with await Tenancy.open(run, postgres, settings) as tenancy:
            scopes, creation_s = await _create(tenancy, tenants)
            before = _memory()
            round_s, most = await _work(tenancy, scopes)
            grown = _memory() - before
            connections = await _connections(postgres)
            await asyncio.sleep(2 * IDLE_S)
            rested = tenancy.pools.open
        migrated = await Fleet(run, postgres, settings, scopes).claims()
    name = f"tenants_{tenants}"
    last = creation_s[-LAST:]
    print(
        f"{tenants} tenants: creation median {statistics.median(creation_s):.3f} s, of the last {len(last)}"
        f" {statistics.median(last):.3f} s, slowest {max(creation_s):.3f} s;"
        f" a query in every tenant's database, {AT_ONCE} at once: {round_s:.2f} s;"
        f" {most} pools open at most, {connections} server connections, {rested} pools open after {2 * IDLE_S:.0f} s"
        f" of rest; memory of this process grew by {grown / 1e6:.1f} MB"
    )
    return [
        _budget(f"{name}_creation_s", statistics.median(last), CREATION_S),
        _budget(f"{name}_open_pools", most, OPEN_POOLS),
        _budget(f"{name}_pools_after_rest", rested, 0),
        *(one.as_dict() for one in migrated),
    ]


def _budget(name: str, ours: float, limit: float) -> dict[str, Any]:
    ratio = round(ours / limit, 4) if limit else ours
    return dict(Claim(name, "budget", ours, limit, ratio, limit, ours <= limit).as_dict())


async def _create(tenancy: Tenancy, tenants: int) -> tuple[list[TenantScope], list[float]]:
    scopes: list[TenantScope] = []
    seconds: list[float] = []
    for n in range(tenants):
        started = time.perf_counter()
        scopes.append(await tenancy.create(f"bench-{n:04}", f"Bench {n}", actor=_ACTOR))
        seconds.append(time.perf_counter() - started)
    return scopes, seconds


async def _work(tenancy: Tenancy, scopes: list[TenantScope]) -> tuple[float, int]:
    """A query in every tenant's database, a few rounds; the median round's time, and the most pools that were open."""
    most = 0
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(scope: TenantScope) -> None:
        nonlocal most
        async with turn:
            await (await tenancy.database(scope)).fetchval("select count(*) from pg_tables")
            most = max(most, tenancy.pools.open)

    seconds: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await asyncio.gather(*(ask(scope) for scope in scopes))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), most


async def _connections(postgres: Postgres) -> int:
    async with await Database.open(postgres.dsn("postgres"), max_size=1) as server:
        return int(await server.fetchval("select count(*) from pg_stat_activity where datname like 't\\_bench%'"))


def _memory() -> int:
    return psutil.Process().memory_info().rss


@contextmanager
def _installation(settings: Settings) -> Generator[tuple[RunFolder, Postgres]]:
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    run = RunFolder.open(folder / "run", settings)
    postgres = Postgres(run, settings)
    try:
        with postgres.running():
            yield run, postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)
