"""Time partitions: made ahead of the rows, dropped when their last row is older than the table keeps.

Rows that come before their partition lie in the default partition; the next maintenance moves them where they belong.
"""

# ruff: noqa: S608  names are quoted, values are checked dates

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from core.connector.tables.constants import literal
from core.connector.tables.declaration import TableDeclaration
from core.connector.tables.names import default_partition, partition_name
from core.db import Transaction
from core.db.identifiers import quote_identifier as quote
from core.db.queries import load_queries

AHEAD = {"month": 2, "day": 7}
"""Partitions kept ready after the current one."""
MOST_AT_ONCE = 400
"""Partitions one maintenance makes of a table; the next goes on."""
_SQL = load_queries("core.connector.tables", "partitions.sql")
_BOUND = re.compile(r"FROM \('(?P<start>\d{4}-\d\d-\d\d)[^']*'\) TO \('(?P<end>\d{4}-\d\d-\d\d)[^']*'\)")


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance did.

    Attributes:
        made: names of partitions that are new.
        dropped: names of partitions that are gone.
        moved: rows that lay in the default partition and lie in their own now.
        expired: rows deleted from the default partition because they are older than the table keeps.
    """

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    moved: int = 0
    expired: int = 0

    def __add__(self, other: Maintained) -> Maintained:
        return Maintained(
            self.made + other.made,
            self.dropped + other.dropped,
            self.moved + other.moved,
            self.expired + other.expired,
        )


def period_of(moment: date, every: str) -> tuple[date, date]:
    """First day of the month or day a day lies in, and the first day after it."""
    if every == "day":
        return moment, moment + timedelta(days=1)
    start = moment.replace(day=1)
    return start, (start + timedelta(days=32)).replace(day=1)


def periods_ahead(today: date, every: str) -> list[tuple[date, date]]:
    """The current period and those kept ready."""
    found = [period_of(today, every)]
    while len(found) <= AHEAD[every]:
        found.append(period_of(found[-1][1], every))
    return found


async def maintain(
    transaction: Transaction, schema: str, tables: Mapping[str, TableDeclaration], *, now: datetime | None = None
) -> Maintained:
    """Make, fill and drop partitions of the tables that have them; may be repeated at any time.

    Args:
        transaction: under the role that owns the tables; holds them locked until it ends.
        schema: where they lie.
        tables: as they are declared.
        now: the moment it is; the clock's if unset.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC).date()
    done = Maintained()
    for name, table in tables.items():
        if table.partition_by is not None:
            await transaction.execute(_SQL["lock_wait"])
            done += await _Cut(transaction, schema, name, table, table.partition_by).maintain(today)
    return done


class _Cut:
    """One partitioned table."""

    def __init__(self, transaction: Transaction, schema: str, name: str, table: TableDeclaration, column: str) -> None:
        self._transaction = transaction
        self._schema = schema
        self._name = name
        self._declared = table
        self._column = quote(column)
        self._of_timestamps = table.complete()[column].type == "timestamp"
        self._table = quote(schema, name)
        self._default = quote(schema, default_partition(name))

    async def maintain(self, today: date) -> Maintained:
        """Expire first: what is too old is not moved any more."""
        oldest = today - timedelta(days=self._declared.retention_days) if self._declared.retention_days else None
        there = await self._there()
        done = Maintained()
        if oldest is not None:
            done += await self._expire(there, oldest)
        taken = {start for start, _ in there.values()}
        wanted = {*periods_ahead(today, self._declared.partition_every), *await self._waiting()}
        for start, end in sorted(wanted)[:MOST_AT_ONCE]:
            if start not in taken:
                done += await self._make(start, end)
        return done

    async def _there(self) -> dict[str, tuple[date, date]]:
        """Partitions by name with their first day and the first day after."""
        rows = await self._transaction.fetch(_SQL["partitions"], self._table)
        found = ((row["name"], _BOUND.search(row["bound"])) for row in rows)
        return {
            name: (date.fromisoformat(bound["start"]), date.fromisoformat(bound["end"]))
            for name, bound in found
            if bound is not None
        }

    async def _waiting(self) -> set[tuple[date, date]]:
        """Periods that rows in the default partition belong to."""
        day = f"({self._column} at time zone 'UTC')::date" if self._of_timestamps else self._column
        every = self._declared.partition_every
        rows = await self._transaction.fetch(
            f"select distinct date_trunc('{every}', {day})::date as start from {self._default}"
            f" where isfinite({self._column}) limit {MOST_AT_ONCE}"
        )
        return {period_of(row["start"], every) for row in rows}

    async def _expire(self, there: dict[str, tuple[date, date]], oldest: date) -> Maintained:
        old = sorted(name for name, (_, end) in there.items() if end <= oldest)
        for name in old:
            await self._transaction.execute(f"drop table {quote(self._schema, name)}")
        tag = await self._transaction.execute(
            f"delete from {self._default} where {self._column} < {self._moment(oldest)}"
        )
        return Maintained(dropped=tuple(old), expired=int(tag.split()[-1]))

    async def _make(self, start: date, end: date) -> Maintained:
        """A partition, filled with what the default partition holds of its rows, then attached."""
        name = partition_name(self._name, start, self._declared.partition_every)
        quoted = quote(self._schema, name)
        low, high = self._moment(start), self._moment(end)
        inside = f"{self._column} >= {low} and {self._column} < {high}"
        await self._transaction.execute(
            f"create table {quoted} (like {self._table} including defaults including constraints)"
        )
        tag = await self._transaction.execute(
            f"with moved as (delete from {self._default} where {inside} returning *)"
            f" insert into {quoted} select * from moved"
        )
        await self._transaction.execute(
            f"alter table {self._table} attach partition {quoted} for values from ({low}) to ({high})"
        )
        return Maintained(made=(name,), moved=int(tag.split()[-1]))

    def _moment(self, day: date) -> str:
        """Start of a UTC day, or the day, as the column holds it."""
        return literal(datetime(day.year, day.month, day.day, tzinfo=UTC)) if self._of_timestamps else literal(day)
