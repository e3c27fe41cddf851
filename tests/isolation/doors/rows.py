"""Every table of the platform database, which all tenants share: row-level security on a connection they all share.

The pool has one connection, so that whoever comes next gets it as the last one left it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from core.db import Transaction
from core.db.identifiers import quote_identifier
from core.errors import GoldlayerError, InputError
from tests.isolation.attempt import Attempt
from tests.isolation.world import World

Call = Callable[[str], Awaitable[Any]]
_SAME = "the same for every tenant, and nothing of any"
NOT_A_DOOR = {
    "rows.alembic_version": _SAME,
    "rows.module_registry": _SAME,
    "rows.module_platform_settings": _SAME,
    "rows.request_rates": "digests and times; nobody but three functions of the lookup role reads or writes it",
}
_MANY = 6
"""Tasks that want the one connection at once."""


def found(world: World) -> set[str]:
    """Every table."""
    return {f"rows.{table}" for table in world.server.tables}


def attempts(world: World) -> Iterator[Attempt]:
    """As A, as nobody, and after somebody of B had the connection."""
    for table, column in world.server.tables.items():
        if f"rows.{table}" in NOT_A_DOOR:
            continue
        name = quote_identifier(table)
        for technique, call, most in _reads(world, name):
            yield Attempt(f"rows.{table}", technique, technique, call, most)
        if column is None:
            yield Attempt(f"rows.{table}", "all rows", "", _asked(world, world.a.scope.id, f"select * from {name}"))
        else:
            owner = quote_identifier(column)
            for technique, call, most in (*_of_the_other(world, name, owner), *_next(world, name, owner)):
                yield Attempt(f"rows.{table}", technique, technique, call, most)
            for technique, call in _writes(world, name, owner):
                yield Attempt(f"rows.{table}", technique, technique, call, refused=True)


def _reads(world: World, table: str) -> Iterator[tuple[str, Call, int | None]]:
    every = f"select * from {table}"
    yield "all rows of nobody", _asked(world, uuid4(), every), 0
    yield "all rows without a tenant", _asked(world, None, every), 0


def _of_the_other(world: World, table: str, owner: str) -> Iterator[tuple[str, Call, int | None]]:
    a, b = world.a.scope.id, world.b.scope.id
    where = f"from {table} where {owner} = $1"

    async def not_own(_: str) -> Any:
        rows = await _fetch(world, a, f"select * from {table}")
        return [row for row in rows if _owners([row], owner) != {a}]

    # A row that is looked at before its policy is would stand in the error.
    wrong = f"{owner} <> $1 and row_to_json(t)::text::int = 1"
    yield "all rows", not_own, 0
    yield "rows told by an error", _asked(world, a, f"select * from {table} t where {wrong}", a), 0
    yield "rows told by a plan", _asked(world, a, f"explain (analyze, timing off) select * from {table}"), None
    yield "rows by the other's id", _asked(world, a, f"select * {where}", b), 0
    yield "rows by the other's id", _asked(world, a, f"select 1 {where} for share", b), 0
    yield "rows by the other's id", _asked(world, a, f"delete {where} returning 1", b), 0
    yield "rows by the other's id", _asked(world, a, f"select 1 from {table} where {owner} <> $1", a), 0
    yield "rows counted", _asked(world, a, f"select 1 from {table} group by {owner} offset 1"), 0
    yield "rows of both", _asked(world, a, f"select 1 {where} or true and {owner} = $1", b), 0
    yield "rows in a subquery", _asked(world, a, f"select 1 where exists (select {where})", b), 0


def _next(world: World, table: str, owner: str) -> Iterator[tuple[str, Call, int | None]]:
    """What somebody sees on a connection that somebody of B has just used."""
    a, b = world.a.scope.id, world.b.scope.id
    look = f"select * from {table}"

    async def of_b(fail: str | None = None) -> None:
        async with world.server.narrow.transaction(b) as transaction:
            await transaction.fetch(look)
            if fail:
                await transaction.fetch(fail)

    async def after_error(_: str) -> Any:
        with suppress(GoldlayerError):
            await of_b("select 1/0")
        return await world.server.narrow.fetch(look)

    async def after_cancel(_: str) -> Any:
        busy = asyncio.create_task(of_b("select pg_sleep(30)"))
        while not await _sleeps(world):  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0.005)
        busy.cancel()
        with suppress(asyncio.CancelledError):
            await busy
        return await world.server.narrow.fetch(look)

    async def after_savepoint(_: str) -> Any:
        async with world.server.narrow.transaction() as transaction:
            with suppress(GoldlayerError):
                async with transaction.savepoint():
                    await transaction.fetchval("select set_config('app.current_tenant_id', $1, true)", str(b))
                    await transaction.fetch("select 1/0")
            return await transaction.fetch(look)

    async def prepared(_: str) -> Any:
        """The driver keeps statements: the plan B's look left behind must not carry B along."""
        for _turn in range(2):
            await of_b()
        return await _fetch(world, a, f"{look} where {owner} <> $1", a)

    async def at_once(_: str) -> Any:
        told = await asyncio.gather(*(_fetch(world, (a, b)[turn % 2], look) for turn in range(_MANY)))
        return [row for rows in told[::2] for row in rows if next(iter(_owners([row], owner)), a) != a]

    async def between(_: str) -> Any:
        told = await asyncio.gather(of_b(), world.server.narrow.fetch(look), of_b(), world.server.narrow.fetch(look))
        return [*told[1], *told[3]]

    yield "connection after an error", after_error, 0
    yield "connection after a cancelled query", after_cancel, 0
    yield "connection after a savepoint undone", after_savepoint, 0
    yield "statement prepared for the other", prepared, 0
    yield "many tasks at once", at_once, 0
    yield "between two of the other", between, 0


def _writes(world: World, table: str, owner: str) -> Iterator[tuple[str, Call]]:
    a, b = world.a.scope.id, world.b.scope.id
    change = f"update {table} set {owner} = $1"
    yield "own rows given to the other", _changed(world, a, change, b)
    yield "the other's rows taken", _changed(world, a, f"{change} where {owner} <> $1", a)
    yield "the other's rows deleted", _changed(world, a, f"delete from {table} where {owner} = $1", b)
    yield "rows deleted without a tenant", _changed(world, None, f"delete from {table}")


def _asked(world: World, tenant_id: UUID | None, sql: str, *args: object) -> Call:
    async def call(_: str) -> Any:
        return await _fetch(world, tenant_id, sql, *args)

    return call


async def _fetch(world: World, tenant_id: UUID | None, sql: str, *args: object) -> list[dict[str, Any]]:
    async with world.server.narrow.transaction(tenant_id) as transaction:
        return await transaction.fetch(sql, *args)


def _changed(world: World, tenant_id: UUID | None, sql: str, *args: object) -> Call:
    """A change that is undone; refused, or it must not touch a row."""

    async def call(_: str) -> Any:
        async with world.server.narrow.transaction(tenant_id) as transaction:
            await _touch(transaction, sql, *args)

    return call


async def _touch(transaction: Transaction, sql: str, *args: object) -> None:
    tag = await transaction.execute(sql, *args)
    if tag.split()[-1] == "0":
        raise InputError("no row was touched")


async def _sleeps(world: World) -> bool:
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'"
    return bool(await world.server.superuser.fetchval(running))


def _owners(rows: list[dict[str, Any]], owner: str) -> set[UUID]:
    return {row[owner.strip('"')] for row in rows}
