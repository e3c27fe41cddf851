"""Hundreds of tenants' tables brought to a module's version in one run, against the same DDL sent by bare asyncpg.

Both sides work for as many tenants at once, as the tenant's own role, a transaction a step. Ours makes sure of the
module's role, reads the record, looks at the tables before each step, notes it, compares with the declaration at the
end, makes partitions and writes the audit log; bare sends the statements and nothing else. The order is ours, bare,
bare, ours: two versions of each, so that a machine that grows slower disturbs both alike.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.claim import Claim
from core.audit import Actor
from core.connector import connector_for
from core.connector.catalogue import read_tables_of
from core.connector.fleet import Outcome, migrate_tenants
from core.connector.tables.declaration import read_tables
from core.connector.tables.migrations import read_migrations
from core.connector.tables.module import ModuleTables
from core.connector.tables.operations import statements
from core.db import Database, TenantScope
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import Tenancy

PARALLEL = 8
TARGET = 6.0
"""Ours asks the server some four times as often as the DDL alone would: that is the price of a run that can be cut."""
SPOILT = 3
_ACTOR = Actor.command("bench")
_OURS, _BARE = "bench_desk", "bench_bare"
_A = {"type": "string"}
_B = {"type": "integer"}
_ZONE = {"type": "string", "default": "A", "indexed": True}
_NOTES = {"columns": {"job": {"type": "uuid"}, "words": {"type": "string"}}}
_TABLES: dict[str, dict[str, Any]] = {
    "1.0.0": {"jobs": {"columns": {"a": _A}}},
    "1.1.0": {"jobs": {"columns": {"a": _A, "b": _B}}},
    "1.2.0": {
        "jobs": {"columns": {"a": _A, "b": _B, "zone": _ZONE}},
        "notes": _NOTES,
    },
}
_MIGRATIONS = read_migrations(
    [
        {
            "version": "1.1.0",
            "description": "Every job has a number",
            "operations": [
                {"action": "add_column", "table": "jobs", "column": "b", "nullable": True, **_B},
                {"action": "transform", "table": "jobs", "column": "b", "from": "a"},
                {"action": "alter_column", "table": "jobs", "column": "b", **_B},
            ],
        },
        {
            "version": "1.2.0",
            "description": "Jobs have a zone and notes",
            "operations": [
                {
                    "action": "add_column",
                    "table": "jobs",
                    "column": "zone",
                    **_TABLES["1.2.0"]["jobs"]["columns"]["zone"],
                },
                {"action": "create_table", "table": "notes", **_NOTES},
            ],
        },
    ]
)
_Step = list[tuple[str, Sequence[object]]]


@dataclass
class _Run:
    """One run over all tenants."""

    seconds: float
    each_s: list[float]
    outcomes: list[Outcome]


class Fleet:
    """Tenants whose tables stand at 1.0.0 twice: once for each side."""

    def __init__(self, run: RunFolder, postgres: Postgres, settings: Settings, scopes: Sequence[TenantScope]) -> None:
        self._opened = (run, postgres, settings)
        self._postgres = postgres
        self._sample, *self._scopes = scopes
        self._most_connections = 0

    async def claims(self) -> list[Claim]:
        """Migrate all twice, and those again that failed the first time."""
        async with await Tenancy.open(*self._opened) as tenancy:
            await self._provision(tenancy)
            bare = await self._learn(tenancy)
            dsns = [await tenancy.dsn(scope) for scope in self._scopes]
        spoilt = {scope.slug for scope in self._scopes[:SPOILT]}
        first, bare_first = await self._ours("1.1.0"), await _in_parallel(dsns, bare["1.1.0"])
        again = await self._ours("1.1.0", repaired=self._scopes[:SPOILT])
        bare_second, second = await _in_parallel(dsns, bare["1.2.0"]), await self._ours("1.2.0")
        named = {one.tenant for one in first.outcomes if one.error is not None}
        resumed = {one.tenant: one.said for one in again.outcomes}
        ours, baseline = first.seconds + second.seconds, bare_first + bare_second
        each = statistics.median([*first.each_s, *second.each_s])
        print(
            f"{len(self._scopes)} tenants migrated, {PARALLEL} at once: {first.seconds:.2f} s to 1.1.0 (3 steps) and"
            f" {second.seconds:.2f} s to 1.2.0 (2 steps), median {each * 1e3:.0f} ms a tenant,"
            f" {self._most_connections} connections at most; the same DDL bare: {baseline:.2f} s;"
            f" failed and named: {len(named)} of {len(spoilt)}, run again after their rows were mended:"
            f" {again.seconds:.2f} s, {len(resumed)} finished, all others left as they were"
        )
        wrong = (
            len(named ^ spoilt) + len(resumed.keys() ^ spoilt) + sum(one.error is not None for one in again.outcomes)
        )
        name, ratio = f"tenants_{len(self._scopes)}_migrated", ours / baseline
        most = self._opened[2].tenancy.open_pools + 2 * PARALLEL
        return [
            Claim(name, "ratio", round(ours, 3), round(baseline, 3), round(ratio, 4), TARGET, ratio <= TARGET),
            _at_most(f"{name}_connections", self._most_connections, most),
            _at_most(f"{name}_misreported", wrong, 0),
        ]

    async def _provision(self, tenancy: Tenancy) -> None:
        async def one(scope: TenantScope) -> None:
            spoilt = scope in self._scopes[:SPOILT]
            for schema in (_OURS, _BARE):
                data = await connector_for(tenancy, scope, schema=schema)
                await data.provision_tables(_TABLES["1.0.0"], version="1.0.0")
                rows = [{"a": str(n)} for n in range(20)]
                await data.insert("jobs", [*rows, {"a": "no number"}] if spoilt and schema == _OURS else rows)

        await _at_once([lambda scope=scope: one(scope) for scope in (self._sample, *self._scopes)])

    async def _learn(self, tenancy: Tenancy) -> dict[str, list[_Step]]:
        """The statements of each version's steps, as ours would send them; the sample has taken them afterwards."""
        found: dict[str, list[_Step]] = {}
        database = await tenancy.database(self._sample)
        for migration in _MIGRATIONS:
            found[migration.version] = []
            for operation in migration.operations:
                async with database.transaction() as transaction:
                    tables = {key[1]: one for key, one in (await read_tables_of(transaction, [_BARE])).items()}
                    step = statements(_BARE, tables, operation)
                    for sql, values in step:
                        await transaction.execute(sql, *values)
                found[migration.version].append(step)
        return found

    async def _ours(self, version: str, *, repaired: Sequence[TenantScope] = ()) -> _Run:
        """One run in a registry of its own: nothing is known or open beforehand, as in a command."""
        migrations = [one for one in _MIGRATIONS if one.version <= version]
        module = ModuleTables(_OURS, version, read_tables(_TABLES[version]), migrations)
        ends: list[float] = []

        async def arrived(_: TenantScope, __: str, ___: str) -> None:
            """No subscription is kept here."""

        async with await Tenancy.open(*self._opened) as tenancy:
            for scope in repaired:
                jobs = await connector_for(tenancy, scope, schema=_OURS)
                await jobs.update("jobs", {"a": "no number"}, {"a": "7"})
            async with await Database.open(self._postgres.dsn("postgres"), max_size=1) as server:
                watch = asyncio.create_task(self._watch(server))
                started = time.perf_counter()
                outcomes = await migrate_tenants(
                    tenancy,
                    self._scopes,
                    [module],
                    actor=_ACTOR,
                    allow_destructive=False,
                    parallel=PARALLEL,
                    tell=lambda _: ends.append(time.perf_counter()),
                    arrived=arrived,
                )
                seconds = time.perf_counter() - started
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch
        # Whoever began as the nth took the place of the one that ended PARALLEL before.
        begun = [started] * PARALLEL + ends[:-PARALLEL]
        return _Run(seconds, [end - begin for begin, end in zip(begun, ends, strict=True)], outcomes)

    async def _watch(self, server: Database) -> None:
        while True:
            now = await server.fetchval("select count(*) from pg_stat_activity where datname like 't\\_bench%'")
            self._most_connections = max(self._most_connections, int(now))
            await asyncio.sleep(0.05)


async def _in_parallel(dsns: Sequence[str], steps: Sequence[_Step]) -> float:
    """What somebody without the connector writes: a connection a tenant, a transaction a step."""

    async def one(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for step in steps:
                async with connection.transaction():
                    for sql, values in step:
                        await connection.execute(sql, *values)
        finally:
            await connection.close()

    started = time.perf_counter()
    await _at_once([lambda dsn=dsn: one(dsn) for dsn in dsns])
    return time.perf_counter() - started


async def _at_once(works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    places = asyncio.Semaphore(PARALLEL)

    async def placed(work: Callable[[], Awaitable[None]]) -> None:
        async with places:
            await work()

    await asyncio.gather(*map(placed, works))


def _at_most(name: str, ours: float, limit: float) -> Claim:
    return Claim(name, "budget", ours, limit, round(ours / limit, 4) if limit else ours, limit, ours <= limit)
