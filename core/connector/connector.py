"""The tenant data connector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, overload
from weakref import WeakKeyDictionary

from core.connector import statements
from core.connector.catalogue import Catalogue, ColumnInfo, TableInfo
from core.connector.declaration import TableDeclaration, create_table, extend_table, read_tables
from core.connector.filters import Filters, TimeRange
from core.connector.raw import check_statement
from core.connector.statements import MOST_ROWS, Statement
from core.db import Database, TenantScope
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.errors import InputError
from core.tenancy import Tenancy

Row = dict[str, Any]
READABLE = ("kpi", "mart", "memory")
"""Schemas every module may read."""
_SQL = load_queries("core.connector", "catalogue.sql")
_RAW_TIMEOUT = "30s"
_CHUNK = 10_000
_catalogues: WeakKeyDictionary[Database, dict[tuple[str, ...], Catalogue]] = WeakKeyDictionary()


async def connector_for(
    tenancy: Tenancy, scope: TenantScope, *, schema: str, readable: Sequence[str] = READABLE
) -> TenantDataConnector:
    """What the platform puts into a module's hands.

    Args:
        tenancy: the registry.
        scope: the tenant, from a verified token or from the registry.
        schema: the module's own schema, the only one it writes.
        readable: schemas it reads beside its own.
    """
    database = await tenancy.database(scope)
    schemas = (schema, *(name for name in readable if name != schema))
    known = _catalogues.setdefault(database, {})
    return TenantDataConnector(database, schema, known.setdefault(schemas, Catalogue(database, schemas)), schemas)


class TenantDataConnector:
    """Reads and writes one tenant's database; nothing in it can name another tenant.

    A table is named `alarms` in the module's own schema and `kpi.kpi_daily` elsewhere. Every method raises InputError
    for a table, column, operator or value that does not fit, naming the choices. Rows marked deleted stay unseen
    unless a filter names `is_deleted`.
    """

    def __init__(self, database: Database, schema: str, catalogue: Catalogue, schemas: Sequence[str]) -> None:
        self._database = database
        self._schema = schema
        self._catalogue = catalogue
        self._schemas = tuple(schemas)

    async def query(
        self,
        table: str,
        filters: Filters | None = None,
        *,
        time_range: TimeRange | None = None,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """Rows of a table.

        Args:
            table: own table, or `schema.table`.
            filters: see `core.connector.filters`.
            time_range: a window over one time column.
            order_by: `"ts desc, id"` or a list of such parts.
            limit: 1 to 50,000; without one, more rows than that are an error and not cut off.
            columns: columns to return; all if unset.
        """
        info = await self._readable(table)
        rows = await self._fetch(
            await self._built(info, statements.select, filters, time_range, order_by, limit, columns)
        )
        return _all_of(rows, info)

    @overload
    async def insert(self, table: str, rows: Mapping[str, object]) -> Row: ...
    @overload
    async def insert(self, table: str, rows: Sequence[Mapping[str, object]]) -> list[Row]: ...
    async def insert(self, table: str, rows: Mapping[str, object] | Sequence[Mapping[str, object]]) -> Row | list[Row]:
        """Store one row or several of the same columns, all or none; returns them as stored, keys filled in."""
        info = await self._writable(table)
        if isinstance(rows, Mapping):
            return (await self._fetch(await self._built(info, statements.insert, [rows])))[0]
        chunks = _chunks(rows)
        return await self._all_or_none([await self._built(info, statements.insert, chunk) for chunk in chunks])

    async def upsert(self, table: str, rows: Sequence[Mapping[str, object]], key: Sequence[str]) -> list[Row]:
        """Store rows, changing those that exist under the same key, all or none; returns them as stored.

        Args:
            table: own table.
            rows: all of the same columns.
            key: columns of a primary key or of a declared `unique` group.
        """
        info = await self._writable(table)
        chunks = _chunks(rows)
        return await self._all_or_none([await self._built(info, statements.upsert, chunk, key) for chunk in chunks])

    async def update(self, table: str, filters: Filters, values: Mapping[str, object]) -> list[Row]:
        """Change matching rows; returns them as they are now. An empty filter is refused."""
        info = await self._writable(table)
        return await self._fetch(await self._built(info, statements.update, filters, values))

    async def delete(self, table: str, filters: Filters) -> list[Row]:
        """Mark matching rows as deleted; returns them. An empty filter is refused."""
        info = await self._writable(table)
        return await self._fetch(await self._built(info, statements.mark_deleted, filters))

    async def aggregate(
        self,
        table: str,
        *,
        metrics: Sequence[str],
        group_by: Sequence[str] = (),
        filters: Filters | None = None,
        time_range: TimeRange | None = None,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """One row a group, with the metrics as `count`, `avg_value`, `max_value`.

        Args:
            table: own table, or `schema.table`.
            metrics: `count(*)`, or count, sum, avg, min, max of a column: `avg(value)`.
            group_by: columns; none means one row for all.
            filters: see `query`.
            time_range: see `query`.
            order_by: grouping columns or metrics by their names in the result.
            limit: see `query`.
        """
        info = await self._readable(table)
        statement = await self._built(
            info, statements.aggregate, group_by, metrics, filters, time_range, order_by, limit
        )
        return _all_of(await self._fetch(statement), info)

    async def vector_search(
        self,
        table: str,
        query_vector: Sequence[float],
        top_k: int = 10,
        *,
        filters: Filters | None = None,
        vector_column: str | None = None,
    ) -> list[Row]:
        """The nearest rows by cosine distance, nearest first.

        Returns:
            All columns but the vectors, with `distance` (0 to 2) and `similarity` (1 - distance).
        """
        info = await self._readable(table)
        return await self._fetch(
            await self._built(info, statements.nearest, query_vector, top_k, filters, vector_column)
        )

    async def raw_sql(self, sql: LiteralString, params: Sequence[object], *, write: bool = False) -> list[Row]:
        """One statement of one's own, for what the other methods cannot say.

        Args:
            sql: a literal text with `$1`, `$2`; names without a schema mean the module's own.
            params: its values, an empty list if there are none.
            write: the statement changes rows; without it the server refuses changes.

        Raises:
            InputError: not exactly one statement, not one that reads or changes rows, or wrong parameters.
            DeniedError: it changes something without `write`, or reaches for what is not the tenant's.
        """
        if isinstance(params, str | bytes | Mapping):
            raise InputError(
                "params is a list of values", expected="[value, …] in the order of $1, $2", received=params
            )
        check_statement(sql, write=write)
        path = ", ".join(map(quote_identifier, (*self._schemas, "public")))
        async with self._database.transaction(readonly=not write) as transaction:
            await transaction.fetch(_SQL["settings_of_raw"], path, _RAW_TIMEOUT)
            return await transaction.fetch_one_statement(sql, *params)

    async def get_schema(self, table: str) -> list[ColumnInfo]:
        """Columns of a table, in order."""
        return list((await self._readable(table)).columns.values())

    async def tables(self) -> list[str]:
        """Every table that can be read, own ones without a schema."""
        await self._catalogue.refresh()
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
        await self._catalogue.refresh()
        changes: dict[str, list[str]] = {}
        for name, table in declared.items():
            known = await self._catalogue.find(self._schema, name)
            changes[name] = extend_table(known, table) if known else create_table(self._schema, name, table)
        async with self._database.transaction() as transaction:
            await transaction.execute(f"create schema if not exists {quote_identifier(self._schema)}")
            for statement in (one for several in changes.values() for one in several):
                await transaction.execute(statement)
        await self._catalogue.refresh()
        return [name for name, several in changes.items() if several]

    def _named(self, schema: str, name: str) -> str:
        return name if schema == self._schema else f"{schema}.{name}"

    async def _readable(self, table: str) -> TableInfo:
        schema, _, name = table.rpartition(".")
        found = None
        if (schema or self._schema) in self._schemas:
            found = await self._catalogue.find(schema or self._schema, name)
        if found is None:
            choices = [self._named(inside, one) for inside in self._schemas for one in self._catalogue.names(inside)]
            raise InputError("no such table", expected=", ".join(choices) or "a provisioned table", received=table)
        return found

    async def _writable(self, table: str) -> TableInfo:
        found = await self._readable(table)
        if found.schema != self._schema or not found.is_table:
            own = ", ".join(self._catalogue.names(self._schema)) or "a provisioned table"
            raise InputError("this table can only be read", expected=own, received=table)
        return found

    async def _built(self, info: TableInfo, build: Any, *args: Any) -> Statement:
        try:
            return build(info, *args)
        except InputError:
            # The table may have grown since it was looked at: look once more before saying no.
            await self._catalogue.refresh()
            again = await self._catalogue.find(info.schema, info.name)
            return build(again or info, *args)

    async def _fetch(self, statement: Statement) -> list[Row]:
        sql, values = statement
        return await self._database.fetch(sql, *values)

    async def _all_or_none(self, several: Sequence[Statement]) -> list[Row]:
        if len(several) == 1:
            return await self._fetch(several[0])
        async with self._database.transaction() as transaction:
            return [row for sql, values in several for row in await transaction.fetch(sql, *values)]


def _chunks(rows: Sequence[Mapping[str, object]]) -> list[Sequence[Mapping[str, object]]]:
    return [rows[start : start + _CHUNK] for start in range(0, max(len(rows), 1), _CHUNK)]


def _all_of(rows: list[Row], info: TableInfo) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise InputError(
            f"more than {MOST_ROWS} rows match",
            where=info.label,
            next_step="set a limit, narrow the filters, or aggregate",
        )
    return rows
