"""An asyncpg pool behind our own face."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolAcquireContext

from core.db.errors import FOREIGN, translate
from core.db.listener import Listener
from core.db.transaction import Transaction
from core.errors import InputError

Row = dict[str, Any]

_IDLE_S = 60.0
"""A connection nobody used for this long is closed."""
_PATIENCE_S = 30.0
"""Longest wait for a connection when all are in use."""
_SET_TENANT = "select set_config('app.current_tenant_id', $1, true)"


class PoolSource(Protocol):
    """Where a database gets its pool from: one that stays open, or one that opens for its users (`core.db.pools`)."""

    def use(self) -> AbstractAsyncContextManager[asyncpg.Pool]:
        """An open pool; it stays open for the block."""
        ...

    async def dsn(self) -> str:
        """Where the database is."""
        ...

    async def close(self) -> None:
        """Close it; waits for running queries."""
        ...


class OpenPool:
    """A pool that is open until it is closed; implements `PoolSource`."""

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    def use(self) -> OpenPool:
        return self

    async def __aenter__(self) -> asyncpg.Pool:
        return self._pool

    async def __aexit__(self, *_: object) -> None:
        """Nothing to let go of."""

    async def dsn(self) -> str:
        return self._dsn

    async def close(self) -> None:
        await self._pool.close()


class Database:
    """One database under one role.

    Connections open on demand and close when idle. Every method raises errors of `core.errors` only: a
    `TransientError` may be tried again.
    """

    def __init__(self, source: PoolSource, name: str) -> None:
        self._source = source
        self._listeners: list[Listener] = []
        self.name = name
        """Name of the database, for errors and logs."""

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        min_size: int = 0,
        max_size: int = 10,
        vectors: bool = False,
        server_settings: Mapping[str, str] | None = None,
    ) -> Database:
        """A pool for a DSN; with `min_size=0` nothing is dialled until the first call.

        Args:
            dsn: `postgresql://role:password@host:port/database`.
            min_size: connections kept open.
            max_size: connections at most; further callers wait.
            vectors: the database has pgvector, and its columns come and go as lists of floats.
            server_settings: PostgreSQL settings of each session.
        """
        name = name_in(dsn)
        try:
            pool = await open_pool(
                dsn, min_size=min_size, max_size=max_size, vectors=vectors, server_settings=server_settings
            )
        except FOREIGN as error:
            raise translate(error, where=name) from error
        return cls(OpenPool(pool, dsn), name)

    async def close(self) -> None:
        """Close listeners and connections; waits for running queries."""
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        await self._source.close()

    async def __aenter__(self) -> Database:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def fetch(self, sql: str, *args: object, timeout: float | None = None) -> list[Row]:
        """All rows of one statement."""
        try:
            async with self._source.use() as pool, _acquire(pool) as connection:
                return [dict(row) for row in await connection.fetch(sql, *args, timeout=timeout)]
        except FOREIGN as error:
            raise translate(error, where=self.name) from error

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """The first row of one statement, or None."""
        try:
            async with self._source.use() as pool, _acquire(pool) as connection:
                row = await connection.fetchrow(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self.name) from error
        return None if row is None else dict(row)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        try:
            async with self._source.use() as pool, _acquire(pool) as connection:
                return await connection.fetchval(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self.name) from error

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement, or several if there are no arguments; returns the server's tag, `UPDATE 3`."""
        try:
            async with self._source.use() as pool, _acquire(pool) as connection:
                return await connection.execute(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self.name) from error

    async def stream(self, sql: str, *args: object, prefetch: int = 1_000) -> AsyncGenerator[Row]:
        """The rows of one reading statement through a cursor: a bounded number of them is in memory at a time."""
        async with self.transaction(readonly=True) as transaction:
            async for row in transaction.stream(sql, *args, prefetch=prefetch):
                yield row

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID | None = None, *, readonly: bool = False, isolation: str | None = None
    ) -> AsyncGenerator[Transaction]:
        """A transaction, for one tenant if it is named.

        Args:
            tenant_id: what `app.current_tenant_id` is until the end of the transaction, and no longer.
            readonly: the server refuses writes.
            isolation: `serializable`, `repeatable_read` or `read_committed`; the server's default if unset.
        """
        own: OSError | None = None
        try:
            async with (
                self._source.use() as pool,
                _acquire(pool) as connection,
                connection.transaction(readonly=readonly, isolation=isolation),
            ):
                if tenant_id is not None:
                    await connection.execute(_SET_TENANT, str(tenant_id))
                transaction = Transaction(connection, self.name)
                try:
                    yield transaction
                except OSError as error:
                    own = error  # Of a file or the clock: what the server says has been translated already.
                    raise
                await transaction.finish()
        except FOREIGN as error:
            if error is own:
                raise
            raise translate(error, where=self.name) from error
        transaction.committed()

    async def listen(self, channel: str, callback: Callable[[str], None]) -> Listener:
        """Call back with the payload of every NOTIFY on a channel, on a connection of its own.

        A lost connection is taken up again; `callback("")` then says that something may have been missed.
        """
        listener = await Listener.open(await self._source.dsn(), channel, callback)
        self._listeners.append(listener)
        return listener


def _acquire(pool: asyncpg.Pool) -> PoolAcquireContext:
    """A connection; of a pool that has none left, only for so long, because its users may be waiting for each other."""
    exhausted = pool.get_idle_size() == 0 and pool.get_size() >= pool.get_max_size()
    return pool.acquire(timeout=_PATIENCE_S if exhausted else None)


def name_in(dsn: str) -> str:
    """Name of the database a DSN leads to."""
    return dsn.rsplit("/", 1)[-1].split("?", 1)[0]


async def open_pool(
    dsn: str,
    *,
    min_size: int = 0,
    max_size: int,
    vectors: bool = False,
    server_settings: Mapping[str, str] | None = None,
) -> asyncpg.Pool:
    """The driver's pool as every `Database` has it; arguments as of `Database.open`."""
    return await asyncpg.create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        max_inactive_connection_lifetime=_IDLE_S,
        init=_with_vectors if vectors else _with_json,
        server_settings=dict(server_settings or {}),
    )


async def _with_json(connection: asyncpg.Connection) -> None:
    # Binary, because COPY takes nothing else; a jsonb begins with the version of its format.
    await connection.set_type_codec(
        "json", schema="pg_catalog", format="binary", encoder=_json_text, decoder=json.loads
    )
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + _json_text(value),
        decoder=lambda data: json.loads(data[1:]),
    )


def _json_text(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("a value is not JSON", expected="what JSON can write", received=value) from error


async def _with_vectors(connection: asyncpg.Connection) -> None:
    from pgvector import Vector

    await _with_json(connection)
    await connection.set_type_codec(
        "vector",
        schema="public",
        format="binary",
        encoder=lambda value: Vector(value if hasattr(value, "ndim") else list(value)).to_binary(),
        decoder=lambda data: Vector.from_binary(data).to_list(),
    )
