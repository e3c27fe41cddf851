"""What a module can do with its tables; the same verbs on the database and inside a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, LiteralString, TypeVar, cast, overload

from core.connector import aggregates, reading, writing
from core.connector.access import ModuleAccess
from core.connector.catalogue import Catalogue
from core.connector.columns import TableInfo
from core.connector.filters import Filters
from core.connector.raw import check_statement, run_raw
from core.connector.reading import MOST_ROWS, OrderBy, Statement
from core.connector.windows import TimeBucket, TimeRange
from core.connector.writing import RowValues
from core.db import Database, Transaction
from core.errors import InputError

Row = dict[str, Any]
Built = TypeVar("Built")
Rows = Iterable[RowValues] | AsyncIterable[RowValues]
CHUNK = 10_000
"""Rows one INSERT carries at most."""


class Verbs:
    """Reads and writes one tenant's tables.

    A table is named `alarms` in the module's own schema and `kpi.kpi_daily` elsewhere. Every method raises InputError
    for a table, column, operator or value that does not fit, naming the choices. Rows marked deleted stay unseen
    unless a filter names `is_deleted`.
    """

    def __init__(
        self, runner: Database | Transaction, catalogue: Catalogue, access: ModuleAccess, schemas: Sequence[str]
    ) -> None:
        self._runner = runner
        self._catalogue = catalogue
        self._access = access
        self._schemas = tuple(schemas)
        self._schema = self._schemas[0]

    async def query(
        self,
        table: str,
        filters: Filters | None = None,
        *,
        time_range: TimeRange | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """Rows of a table.

        Args:
            table: own table, or `schema.table`.
            filters: see `core.connector.filters`.
            time_range: a window over one time column.
            order_by: `"ts desc, id"` or a list of such parts.
            limit: 1 to 50,000; without one, more rows than that are an error and not cut off: see `stream`.
            columns: columns to return; all if unset.
        """
        info = await self._readable(table)
        built = await self._built(info, reading.select, filters, time_range, order_by, limit, columns)
        return _all_of(await self._fetch(built), info)

    @overload
    async def insert(self, table: str, rows: RowValues) -> Row: ...
    @overload
    async def insert(self, table: str, rows: Sequence[RowValues]) -> list[Row]: ...
    async def insert(self, table: str, rows: RowValues | Sequence[RowValues]) -> Row | list[Row]:
        """Store one row or several of the same columns, all or none; returns them as stored, keys filled in.

        For many rows whose keys nobody needs back there is `copy_in`.
        """
        info = await self._writable(table)
        if isinstance(rows, Mapping):
            return (await self._fetch(await self._built(info, writing.insert, [rows])))[0]
        chunks = _chunks(rows, info)
        return await self._all_or_none([await self._built(info, writing.insert, chunk) for chunk in chunks])

    async def copy_in(self, table: str, rows: Rows) -> int:
        """Store many rows of the same columns by COPY, all or none; returns how many, not the rows.

        Args:
            table: own table.
            rows: read one by one, so that an iterator's rows are never all in memory.
        """
        info = await self._writable(table)
        found = await _first_of(rows, info)
        if found is None:
            return 0
        first, rest = found
        info = await self._built(info, writing.fitting, first)
        names = list(first)
        records = (writing.record(info, names, row, position) async for position, row in _counted(first, rest))
        async with self._transaction() as transaction:
            return await transaction.copy_rows(info.schema, info.name, names, records)

    async def upsert(self, table: str, rows: Sequence[RowValues], key: Sequence[str]) -> list[Row]:
        """Store rows, changing those that exist under the same key, all or none; returns them as stored.

        Args:
            table: own table.
            rows: all of the same columns.
            key: columns of a primary key or of a declared `unique` group.
        """
        info = await self._writable(table)
        chunks = _chunks(rows, info)
        return await self._all_or_none([await self._built(info, writing.upsert, chunk, key) for chunk in chunks])

    async def update(self, table: str, filters: Filters, values: RowValues) -> list[Row]:
        """Change matching rows; returns them as they are now. An empty filter is refused."""
        info = await self._writable(table)
        return await self._fetch(await self._built(info, writing.update, filters, values))

    async def delete(self, table: str, filters: Filters) -> list[Row]:
        """Mark matching rows as deleted; returns them. An empty filter is refused."""
        info = await self._writable(table)
        return await self._fetch(await self._built(info, writing.mark, filters, True))

    async def undelete(self, table: str, filters: Filters) -> list[Row]:
        """Take the mark from matching rows that are deleted; returns them. An empty filter is refused."""
        info = await self._writable(table)
        return await self._fetch(await self._built(info, writing.mark, filters, False))

    async def aggregate(
        self,
        table: str,
        *,
        metrics: Sequence[str],
        group_by: Sequence[str] = (),
        bucket: TimeBucket | None = None,
        filters: Filters | None = None,
        time_range: TimeRange | None = None,
        order_by: OrderBy | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """One row a group, with the metrics as `count`, `avg_value`, `p95_value`.

        Args:
            table: own table, or `schema.table`.
            metrics: `count(*)`, or count, count_distinct, sum, avg, min, max, stddev, median or a percentile (`p95`,
                `p99.9`) of a column: `avg(value)`. Percentiles are interpolated.
            group_by: columns; none means one row for all.
            bucket: one row also for each stretch of time, its start under `bucket`; stretches without rows are missing.
            filters: see `query`.
            time_range: see `query`.
            order_by: `bucket`, grouping columns or metrics by their names in the result.
            limit: see `query`.
        """
        info = await self._readable(table)
        built = await self._built(
            info, aggregates.aggregate, group_by, metrics, filters, time_range, bucket, order_by, limit
        )
        return _all_of(await self._fetch(built), info)

    async def vector_search(
        self,
        table: str,
        query_vector: Sequence[float],
        top_k: int = 10,
        *,
        filters: Filters | None = None,
        time_range: TimeRange | None = None,
        vector_column: str | None = None,
    ) -> list[Row]:
        """The nearest rows by cosine distance, nearest first.

        Returns:
            All columns but the vectors, with `distance` (0 to 2) and `similarity` (1 - distance).
        """
        info = await self._readable(table)
        return await self._fetch(
            await self._built(info, reading.nearest, query_vector, top_k, filters, time_range, vector_column)
        )

    async def raw_sql(self, sql: LiteralString, params: Sequence[object], *, write: bool = False) -> list[Row]:
        """One statement of one's own, for what the other methods cannot say.

        Args:
            sql: a literal text with `$1`, `$2`; names without a schema mean the module's own.
            params: its values, an empty list if there are none.
            write: the statement changes rows; without it the server refuses changes.

        Raises:
            InputError: not exactly one statement, not one that reads or changes rows, or wrong parameters.
            DeniedError: it changes something without `write`, or reaches for what is not the module's.
        """
        check_statement(sql, params, write=write)
        role = await self._access.role()
        async with self._transaction(readonly=not write) as transaction:
            return await run_raw(transaction, sql, params, role=role, schemas=self._schemas)

    async def get_schema(self, table: str) -> TableInfo:
        """Columns, constraints, keys and indexes of a table as they are now."""
        await self._catalogue.refresh(self._runner)
        return await self._readable(table)

    def _transaction(self, *, readonly: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """All or nothing: a transaction, or inside one a savepoint that leaves no settings behind."""
        if isinstance(self._runner, Database):
            return self._runner.transaction(readonly=readonly)
        return self._runner.nested(readonly=readonly)

    def _named(self, schema: str, name: str) -> str:
        return name if schema == self._schema else f"{schema}.{name}"

    async def _readable(self, table: str) -> TableInfo:
        found = None
        if isinstance(table, str):  # pyright: ignore[reportUnnecessaryIsInstance]  comes from a model or a request
            schema, _, name = table.rpartition(".")
            inside = schema or self._schema
            if inside in self._schemas:
                found = self._catalogue.known(inside, name) or await self._catalogue.find(self._runner, inside, name)
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

    async def _built(self, info: TableInfo, build: Callable[..., Built], *args: Any) -> Built:
        try:
            return build(info, *args)
        except InputError:
            # The table may have grown since it was looked at: look once more before saying no.
            await self._catalogue.refresh(self._runner)
            again = await self._catalogue.find(self._runner, info.schema, info.name)
            return build(again or info, *args)

    async def _fetch(self, statement: Statement) -> list[Row]:
        sql, values = statement
        return await self._runner.fetch(sql, *values)

    async def _all_or_none(self, several: Sequence[Statement]) -> list[Row]:
        if len(several) == 1:
            return await self._fetch(several[0])
        async with self._transaction() as transaction:
            return [row for sql, values in several for row in await transaction.fetch(sql, *values)]


def _chunks(rows: object, info: TableInfo) -> list[Sequence[RowValues]]:
    if isinstance(rows, Sequence) and all(issubclass(kind, Mapping) for kind in set(map(type, rows))):
        several = cast("Sequence[RowValues]", rows)
        if len(several) <= CHUNK:
            return [several]
        return [several[start : start + CHUNK] for start in range(0, len(several), CHUNK)]
    raise InputError("rows are mappings from column to value", expected="a list of them", where=info.label)


async def _first_of(rows: Rows, info: TableInfo) -> tuple[RowValues, AsyncIterator[RowValues]] | None:
    """The first row and an iterator over the others; None if there is none."""
    if not isinstance(rows, AsyncIterable | Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  from a module
        raise InputError("rows are read one by one", expected="a list or an iterator", received=rows, where=info.label)
    iterator = aiter(rows) if isinstance(rows, AsyncIterable) else _async(rows)
    async for first in iterator:
        return first, iterator
    return None


async def _async(rows: Iterable[RowValues]) -> AsyncIterator[RowValues]:
    for row in rows:
        yield row


async def _counted(first: RowValues, rest: AsyncIterator[RowValues]) -> AsyncIterator[tuple[int, RowValues]]:
    yield 0, first
    position = 0
    async for row in rest:
        position += 1
        yield position, row


def _all_of(rows: list[Row], info: TableInfo) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise InputError(
            f"more than {MOST_ROWS} rows match",
            where=info.label,
            next_step="set a limit, narrow the filters, aggregate, or stream",
        )
    return rows
