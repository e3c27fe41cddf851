"""One open transaction."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from core.db.errors import FOREIGN, translate
from core.db.identifiers import quote_identifier


class Transaction:
    """What runs on one connection between begin and commit; made by `Database.transaction`."""

    def __init__(self, connection: asyncpg.Connection | PoolConnectionProxy, where: str) -> None:
        self._connection = connection
        self._where = where
        self._last: list[Callable[[], Awaitable[Callable[[], None]]]] = []
        self._after: list[Callable[[], None]] = []

    def at_commit(self, work: Callable[[], Awaitable[Callable[[], None]]]) -> None:
        """Leave something for the very end, so that a lock it takes is held no longer than the commit lasts.

        Args:
            work: runs in this transaction when the block has ended well; what it returns is called after the commit.
        """
        self._last.append(work)

    async def finish(self) -> None:
        """Do what was left for the end; called by `Database.transaction`, before it commits."""
        for work in self._last:
            self._after.append(await work())

    def committed(self) -> None:
        """Say to those who left something that it is durable; called by `Database.transaction`."""
        for told in self._after:
            told()

    async def fetch(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """All rows of one statement."""
        try:
            return [dict(row) for row in await self._connection.fetch(sql, *args)]
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def fetchrow(self, sql: str, *args: object) -> dict[str, Any] | None:
        """The first row of one statement, or None."""
        try:
            row = await self._connection.fetchrow(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self._where) from error
        return None if row is None else dict(row)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        try:
            return await self._connection.fetchval(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def fetch_one_statement(self, sql: str, *args: object, role: str) -> list[dict[str, Any]]:
        """All rows of a text that must be one statement: the server refuses a second one.

        Args:
            sql: the text.
            args: its values.
            role: whose rights it runs with; stays set until the end of the transaction or savepoint.
        """
        try:
            # Preparing may look types up with rights the role lacks; rights on tables are checked when it runs.
            statement = await self._connection.prepare(sql)
            await self._connection.execute(f"set local role {quote_identifier(role)}")
            return [dict(row) for row in await statement.fetch(*args)]
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement, or several if there are no arguments; returns the server's tag."""
        try:
            return await self._connection.execute(sql, *args)
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for every row of arguments."""
        try:
            await self._connection.executemany(sql, rows)
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def stream(self, sql: str, *args: object, prefetch: int) -> AsyncGenerator[dict[str, Any]]:
        """Rows of one statement through a cursor, fetched so many at a time."""
        try:
            async for row in self._connection.cursor(sql, *args, prefetch=prefetch):
                yield dict(row)
        except FOREIGN as error:
            raise translate(error, where=self._where) from error

    async def copy_rows(
        self,
        schema: str,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]] | AsyncIterable[Sequence[object]],
    ) -> int:
        """Append rows by COPY, the fastest way in; returns how many."""
        try:
            tag = await self._connection.copy_records_to_table(
                table, schema_name=schema, columns=list(columns), records=rows
            )
        except FOREIGN as error:
            raise translate(error, where=f"{schema}.{table}") from error
        return int(tag.split()[-1])

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """A block that is undone alone when it fails."""
        async with self._connection.transaction():
            yield

    @asynccontextmanager
    async def nested(self, *, readonly: bool = False) -> AsyncGenerator[Transaction]:
        """A savepoint that leaves role and settings behind as they were before it.

        Args:
            readonly: the server refuses writes inside.
        """
        async with self.savepoint():
            if readonly:
                await self.execute("set transaction read only")
            yield self
            await self.execute("reset role; reset search_path; reset statement_timeout")
