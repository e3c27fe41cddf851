"""One open transaction."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from core.db.errors import FOREIGN, translate


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

    async def fetch_one_statement(self, sql: str, *args: object) -> list[dict[str, Any]]:
        """All rows of a text that must be one statement: the server refuses a second one."""
        try:
            statement = await self._connection.prepare(sql)
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

    async def copy_rows(self, schema: str, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
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
