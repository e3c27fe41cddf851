"""A tenant's own database as one file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.db import Database, TenantScope, Transaction
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.run.dump import dump, restore
from core.run.folder import RunFolder
from core.tenancy.moving.holding import Content, Contents
from core.tenancy.provision import unmake
from core.tenancy.stores import DataStores

_SQL = load_queries("core.tenancy.moving", "store.sql")
_FILE = "tenant.dump"


class TenantDatabase:
    """Implements `Holding`."""

    name = "database"

    def __init__(self, stores: DataStores, run: RunFolder) -> None:
        self._stores = stores
        self._run = run

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """pg_dump in the very snapshot the rows are counted in."""
        store = await self._stores.of_tenant(scope)
        dsn = self._stores.server(store).dsn(store.database)
        async with (
            await Database.open(dsn, max_size=1) as database,
            database.transaction(readonly=True, isolation="repeatable_read") as transaction,
        ):
            (snapshot,) = await transaction.fetch(_SQL["snapshot"])
            contents = await _contents(transaction, f"log position {snapshot['position']}")
            await asyncio.to_thread(dump, dsn, to / _FILE, snapshot=snapshot["id"])
        return contents

    async def remains(self, scope: TenantScope) -> str | None:
        """A database of the name this one will get."""
        store = await self._stores.of_tenant(scope)
        async with await Database.open(self._stores.server(store).dsn("postgres"), max_size=1) as server:
            known = await server.fetchval(_SQL["database_exists"], store.database)
        return f"database {store.database} on server {store.server}" if known else None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """pg_restore as the tenant's own role: a dump from elsewhere can do no more than the tenant could."""
        store = await self._stores.of_tenant(scope)
        server = self._stores.server(store)
        await asyncio.to_thread(restore, server.dsn(store.database, store.role), source / _FILE)
        async with (
            await Database.open(server.dsn(store.database), max_size=1) as database,
            database.transaction(readonly=True) as transaction,
        ):
            return await _contents(transaction, None)

    async def remove(self, scope: TenantScope) -> None:
        """Database, roles and password; whoever is connected is cut off."""
        store = await self._stores.find(scope)
        if store is not None:
            await unmake(store, self._run, self._stores.server(store))


async def _contents(transaction: Transaction, position: str | None) -> Contents:
    await transaction.execute(_SQL["spelling"])
    contents: dict[str, Content] = {}
    for row in await transaction.fetch(_SQL["tables"]):
        table = quote_identifier(row["schema"], row["table"])
        (found,) = await transaction.fetch(_SQL["content"].replace("{table}", table))
        contents[f"{row['schema']}.{row['table']}"] = Content(int(found["rows"]), found["checksum"], position)
    return contents
