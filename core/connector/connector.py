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
from core.connector.tables.declaration import TableDeclaration, create_table, extend_table, read_tables
from core.connector.verbs import Row, Verbs
from core.connector.windows import TimeRange
from core.connector.work import Work, open_work
from core.db import Database, TenantScope
from core.db.identifiers import quote_identifier
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
        self, tables: Mapping[str, TableDeclaration] | Mapping[str, Mapping[str, object]]
    ) -> list[str]:
        """Make the module's schema and tables, and add columns that are new; may be repeated; all or nothing.

        Args:
            tables: declarations by table name, as models or as a manifest writes them.

        Returns:
            Names of the tables that were made or extended.

        Raises:
            InputError: a declaration is wrong or contradicts what is there.
        """
        declared = read_tables(tables)
        await self._catalogue.refresh(self._database)
        changes: dict[str, list[str]] = {}
        for name, table in declared.items():
            known = await self._catalogue.find(self._database, self._schema, name)
            changes[name] = extend_table(known, table) if known else create_table(self._schema, name, table)
        async with self._database.transaction() as transaction:
            await transaction.execute(f"create schema if not exists {quote_identifier(self._schema)}")
            await self._access.grant(transaction)
            for statement in (one for several in changes.values() for one in several):
                await transaction.execute(statement)
        await self._catalogue.refresh(self._database)
        return [name for name, several in changes.items() if several]
