"""Migrations at work: one step, one transaction, one record; what was interrupted goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.connector.access import ModuleAccess
from core.connector.catalogue import read_tables_of
from core.connector.tables.declaration import TableDeclaration
from core.connector.tables.ledger import Ledger, Standing
from core.connector.tables.migrations import Migration, Operation, digest, number_of, pending
from core.connector.tables.operations import statements
from core.connector.tables.partitions import maintain
from core.connector.tables.shape import differences
from core.db import Database, Transaction
from core.errors import InputError, NotFoundError

_LOCK_WAIT = "set local lock_timeout = '30s'"
"""A step that waits longer for a table gives way: a queue behind it would stop everybody."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of one module's tables.

    Attributes:
        before: version they stood at.
        after: version they stand at.
        steps: what this run did, `1.2.0 add_column alarms.zone`.
    """

    before: str
    after: str
    steps: tuple[str, ...] = ()


class Migrator:
    """One module's tables in one tenant's database on their way to a version.

    Args:
        database: under the role that owns the tables.
        access: the module role, which gets its rights on tables that are new.
        schema: the module's own.
        tables: as the version declares them.
        migrations: all the module has, in order.
        version: where to.
        allow_destructive: steps that lose values may run.
    """

    def __init__(
        self,
        database: Database,
        access: ModuleAccess,
        schema: str,
        tables: Mapping[str, TableDeclaration],
        migrations: Sequence[Migration],
        version: str,
        *,
        allow_destructive: bool,
    ) -> None:
        self._database = database
        self._access = access
        self._schema = schema
        self._tables = tables
        self._migrations = migrations
        self._version = version
        self._allow = allow_destructive

    async def run(self) -> Migrated:
        """Take every step that is pending, then compare with the declaration and note the version.

        Raises:
            NotFoundError: the module's tables were never made here.
            InputError: a step does not fit, loses values without leave, was changed after it ran, or the steps do not
                lead to the declared tables.
        """
        await self._access.role()
        standing = await self._standing()
        before = str(standing.version)
        if before == self._version and standing.tables == self._tables:
            return Migrated(before, before)
        self._check_direction(before)
        todo = pending(self._migrations, before, self._version)
        self._check_losses(todo)
        taken: list[str] = []
        for migration in todo:
            for position, operation in enumerate(migration.operations):
                taken += [_said(migration, operation)] if await self._step(migration, position, operation) else []
        await self._arrive()
        return Migrated(before, self._version, tuple(taken))

    async def _standing(self) -> Standing:
        async with self._database.transaction() as transaction:
            standing = await (await Ledger.open(transaction, self._schema)).standing()
        if standing is None or standing.version is None:
            raise NotFoundError(
                "the module's tables were never made here",
                where=self._schema,
                next_step="subscribe the tenant to the module",
            )
        return standing

    def _check_direction(self, before: str) -> None:
        if number_of(before) > number_of(self._version):
            raise InputError(
                "the tables are newer than the module",
                expected=f"a module of version {before} or later",
                received=self._version,
                where=self._schema,
            )

    def _check_losses(self, todo: Sequence[Migration]) -> None:
        losing = [_said(one, operation) for one in todo for operation in one.operations if operation.destructive]
        if losing and not self._allow:
            raise InputError(
                f"a migration loses values: {', '.join(losing)}",
                where=self._schema,
                next_step="take a backup, then allow it with --allow-destructive",
            )

    async def _step(self, migration: Migration, position: int, operation: Operation) -> bool:
        """Take one step unless its record says that it was taken."""
        sha256 = digest(operation)
        async with self._database.transaction() as transaction:
            ledger = await Ledger.open(transaction, self._schema)
            known = (await ledger.steps_done(migration.version)).get(position)
            if known is not None and known != sha256:
                raise InputError(
                    "a migration was changed after it ran here",
                    received=_said(migration, operation),
                    where=self._schema,
                    next_step="restore what it said, and write what is new as another version",
                )
            if known is None:
                await self._take(transaction, migration, operation)
                await ledger.step_done(migration.version, position, sha256)
        return known is None

    async def _take(self, transaction: Transaction, migration: Migration, operation: Operation) -> None:
        await transaction.execute(_LOCK_WAIT)
        tables = {name: table for (_, name), table in (await read_tables_of(transaction, [self._schema])).items()}
        try:
            for sql, values in statements(self._schema, tables, operation):
                await transaction.execute(sql, *values)
        except InputError as error:
            raise InputError(
                f"migration {_said(migration, operation)}: {error.what}",
                expected=error.expected,
                received=error.received,
                where=error.where,
                next_step=error.next_step or "correct the rows or the migration, then migrate again",
            ) from error

    async def _arrive(self) -> None:
        """Note the version once the tables are what it declares."""
        async with self._database.transaction() as transaction:
            ledger = await Ledger.open(transaction, self._schema)
            odd = await differences(transaction, self._schema, self._tables, only_declared=False)
            if odd:
                raise InputError(
                    "the migrations do not lead to the declared tables",
                    received="; ".join(odd[:5]),
                    where=f"{self._schema} {self._version}",
                    next_step="add the missing operations to data_migrations",
                )
            await maintain(transaction, self._schema, self._tables)
            await ledger.put(self._version, self._tables)


def _said(migration: Migration, operation: Operation) -> str:
    column = getattr(operation, "column", None)
    return f"{migration.version} {operation.action} {operation.table}{f'.{column}' if column else ''}"
