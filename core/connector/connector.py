"""The tenant data connector."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from weakref import WeakKeyDictionary

from core.connector import reading
from core.connector.access import ModuleAccess
from core.connector.catalogue import Catalogue
from core.connector.filters import Filters
from core.connector.reading import OrderBy
from core.connector.tables import life
from core.connector.tables.declaration import TableDeclaration, read_tables
from core.connector.tables.migrating import Migrated, Migrator
from core.connector.tables.migrations import Migration, read_migrations
from core.connector.verbs import Row, Verbs
from core.connector.windows import TimeRange
from core.connector.work import Work, open_work
from core.db import Database, TenantScope
from core.tenancy import Tenancy

READABLE = ("kpi", "mart", "memory")
"""Schemas every module may read."""
_PREFETCH = 1_000
_Known = tuple[Catalogue, ModuleAccess]
_known: WeakKeyDictionary[Database, dict[tuple[str, ...], _Known]] = WeakKeyDictionary()


async def connector_for(
    tenancy: Tenancy, scope: TenantScope, *, schema: str, readable: Sequence[str] = READABLE
) -> TenantDataConnector:
    """What the platform puts into a module's hands.

    Args:
        tenancy: the registry.
        scope: the tenant, from a verified token or from the registry.
        schema: the module's own schema, the only one it writes.
        readable: schemas it reads beside its own.

    Raises:
        DeniedError: the scope is not the registry's.
    """
    database = await tenancy.database(scope)
    return connect(database, tenancy, scope, schema=schema, readable=readable)


def connect(
    database: Database, tenancy: Tenancy, scope: TenantScope, *, schema: str, readable: Sequence[str] = READABLE
) -> TenantDataConnector:
    """`connector_for` over a tenant's database that is open already."""
    schemas = (schema, *(name for name in readable if name != schema))
    known = _known.setdefault(database, {})
    if schemas not in known:
        access = ModuleAccess(database, partial(tenancy.module_role, scope, schema), schemas)
        known[schemas] = (Catalogue(schemas), access)
    return TenantDataConnector(database, *known[schemas], schemas)


class TenantDataConnector(Verbs):
    """Reads and writes one tenant's database; nothing in it can name another tenant."""

    def __init__(self, database: Database, catalogue: Catalogue, access: ModuleAccess, schemas: Sequence[str]) -> None:
        super().__init__(database, catalogue, access, schemas)
        self._database = database

    def transaction(self) -> AbstractAsyncContextManager[Work]:
        """Several operations, all or none: `async with data.transaction() as work:` gives the same verbs."""
        return open_work(self._database, self._catalogue, self._access, self._schemas)

    async def stream(
        self,
        table: str,
        filters: Filters | None = None,
        *,
        time_range: TimeRange | None = None,
        order_by: OrderBy | None = None,
        columns: Sequence[str] | None = None,
    ) -> AsyncGenerator[Row]:
        """Rows of a table, however many, as they come from a cursor on the server: `async for row in data.stream(…)`.

        A thousand rows are in memory at a time, and all belong to one moment. Whoever stops early closes the generator
        (`contextlib.aclosing`), which gives the connection back at once.

        Args:
            table: own table, or `schema.table`.
            filters: see `query`.
            time_range: see `query`.
            order_by: see `query`.
            columns: see `query`.
        """
        info = await self._readable(table)
        sql, values = await self._built(info, reading.select_all, filters, time_range, order_by, columns)
        async for row in self._database.stream(sql, *values, prefetch=_PREFETCH):
            yield row

    async def tables(self) -> list[str]:
        """Every table that can be read, own ones without a schema."""
        await self._catalogue.refresh(self._database)
        return [self._named(schema, name) for schema in self._schemas for name in self._catalogue.names(schema)]

    async def provision_tables(
        self,
        tables: Mapping[str, TableDeclaration] | Mapping[str, Mapping[str, object]],
        *,
        version: str | None = None,
    ) -> list[str]:
        """Make the module's schema and tables, and add what they lack; may be repeated; all or nothing.

        Args:
            tables: declarations by table name, as models or as a manifest writes them.
            version: of the module, recorded with the tables; tables without one are not migrated.

        Returns:
            Names of the tables that were made or extended.

        Raises:
            InputError: a declaration is wrong, contradicts what is there, or tables of an older version stand there.
        """
        made = await life.provision(self._database, self._access, self._schema, read_tables(tables), version)
        await self._catalogue.refresh(self._database)
        return made

    async def migrate(
        self,
        tables: Mapping[str, TableDeclaration] | Mapping[str, Mapping[str, object]],
        migrations: Sequence[Migration] | Sequence[Mapping[str, object]],
        version: str,
        *,
        allow_destructive: bool = False,
    ) -> Migrated:
        """Bring the module's tables to a version, step by step; goes on where an interrupted run stopped.

        Args:
            tables: as that version declares them.
            migrations: all the module has, in order.
            version: of the module.
            allow_destructive: steps that lose values may run.

        Raises:
            NotFoundError: the tables were never made here.
            InputError: a step does not fit, loses values without leave, or the steps do not lead to the declaration.
        """
        migrator = Migrator(
            self._database,
            self._access,
            self._schema,
            read_tables(tables),
            read_migrations(migrations),
            version,
            allow_destructive=allow_destructive,
        )
        migrated = await migrator.run()
        await self._catalogue.refresh(self._database)
        return migrated

    async def archive(self) -> str:
        """Put the module's tables aside, out of its own reach; nothing is deleted.

        Returns:
            Name of the schema they lie in now.

        Raises:
            NotFoundError: the module has no tables here.
        """
        aside = await life.archive(self._database, self._access, self._schema)
        await self._catalogue.refresh(self._database)
        return aside

    async def restore(self) -> str | None:
        """Bring back the tables that were put aside last, at the version they had.

        Returns:
            That version; migrate from there.

        Raises:
            NotFoundError: none were put aside.
            InputError: the module has tables again.
        """
        version = await life.restore(self._database, self._access, self._schema)
        await self._catalogue.refresh(self._database)
        return version
