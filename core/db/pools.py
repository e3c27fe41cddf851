"""Many databases, few open pools: hundreds of tenants must not mean hundreds of pools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import asyncpg

from core.db.database import Database, open_pool
from core.errors import TransientError

DsnOf = Callable[[], Awaitable[str]]
"""Where a database is, asked each time its pool opens: a server may have moved meanwhile."""

_MOVED = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
"""The database is gone or takes another password: it was removed, and may have been brought in again since."""


class Pools:
    """Opens the pool of a database when it is used and closes it when it has rested.

    At most `most` pools are open. Who needs one more gets the place of the pool that has rested longest; a pool in use
    is never closed, so when all are in use the newcomer waits.

    Args:
        most: pools open at once.
        connections: connections of one pool at most.
        idle_s: a pool nobody used for this long is closed.
        patience_s: longest wait for a place.
        server_settings: PostgreSQL settings of each session.
    """

    def __init__(
        self,
        most: int,
        *,
        connections: int,
        idle_s: float,
        patience_s: float = 30.0,
        server_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.most = most
        self._connections = connections
        self._idle_s = idle_s
        self._patience_s = patience_s
        self._server_settings = dict(server_settings or {})
        self._open: dict[RestingPool, None] = {}  # the one used longest ago stands first
        self._changing = asyncio.Lock()
        self._rested = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """How many pools are open now."""
        return len(self._open)

    def database(self, name: str, dsn: DsnOf, *, vectors: bool = False) -> Database:
        """A database whose pool opens on its first use; it costs nothing until then.

        Args:
            name: for errors and logs.
            dsn: where it is.
            vectors: it has pgvector, and its columns come and go as lists of floats.
        """
        return Database(RestingPool(self, dsn, vectors), name)

    async def close(self) -> None:
        """Close every pool; waits for running queries."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for one in list(self._open):
            await one.close()

    async def admit(self, one: RestingPool) -> asyncpg.Pool:
        """A pool for somebody who wants to use it, opened if need be; every admission wants one `leave`."""
        while one.pool is None:
            async with self._changing:
                if one.pool is None:
                    await self._make_room()
                    one.pool = await open_pool(
                        await one.dsn(),
                        max_size=self._connections,
                        vectors=one.vectors,
                        server_settings=self._server_settings,
                    )
        # Counted only now, without an await since the pool was seen open: somebody who still waited for the lock would
        # keep a place from those before it in the queue.
        self.count(one)
        return one.pool

    def count(self, one: RestingPool) -> None:
        """One user more of a pool that is open; every one of them wants a `leave`."""
        one.uses += 1
        self._open.pop(one, None)
        self._open[one] = None

    def leave(self, one: RestingPool) -> None:
        """One user less; the last one lets the pool rest."""
        one.uses -= 1
        if one.uses:
            return
        one.rests_since = monotonic()
        self._rested.set()
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep(), name="close pools that have rested")

    async def drop(self, one: RestingPool) -> None:
        """Close a pool, now or after its last query."""
        pool, one.pool = one.pool, None
        self._open.pop(one, None)
        if pool is not None:
            await pool.close()

    async def _make_room(self) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                while len(self._open) >= self.most:
                    self._rested.clear()
                    resting = next((one for one in self._open if not one.uses), None)
                    if resting is not None:
                        await self.drop(resting)
                    else:
                        await self._rested.wait()
        except TimeoutError as error:
            raise TransientError(
                "every pool of a tenant's database is in use",
                expected=f"at most {self.most} tenants at work at once",
                next_step="try again, or raise GOLDLAYER_TENANCY__OPEN_POOLS",
            ) from error

    async def _sweep(self) -> None:
        while self._open:
            await asyncio.sleep(self._idle_s / 2)
            before = monotonic() - self._idle_s
            async with self._changing:
                for one in [one for one in self._open if not one.uses and one.rests_since <= before]:
                    await self.drop(one)


class RestingPool:
    """The pool of one database among many; implements `PoolSource`."""

    def __init__(self, pools: Pools, dsn: DsnOf, vectors: bool) -> None:
        self._pools = pools
        self._dsn_of = dsn
        self.vectors = vectors
        self.pool: asyncpg.Pool | None = None
        self.uses = 0
        self.rests_since = 0.0

    async def dsn(self) -> str:
        return await self._dsn_of()

    def use(self) -> RestingPool:
        return self

    async def __aenter__(self) -> asyncpg.Pool:
        if self.pool is None:
            return await self._pools.admit(self)
        self._pools.count(self)
        return self.pool

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._pools.leave(self)
        if isinstance(error, _MOVED):
            await self._pools.drop(self)

    async def close(self) -> None:
        await self._pools.drop(self)
