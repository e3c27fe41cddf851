"""A module's tables are made when a tenant subscribes, put aside when it leaves, brought back; never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from core.connector.access import ModuleAccess
from core.connector.catalogue import read_tables_of
from core.connector.tables.ddl import create_table, extend_table
from core.connector.tables.declaration import TableDeclaration
from core.connector.tables.ledger import SQL, Ledger, Standing
from core.connector.tables.migrations import number_of
from core.connector.tables.partitions import maintain
from core.connector.tables.shape import differences
from core.db import Database, Transaction
from core.db.identifiers import LONGEST, quote_identifier
from core.errors import InputError, NotFoundError

_STAMP = "%Y%m%d%H%M%S%f"


async def provision(
    database: Database, access: ModuleAccess, schema: str, tables: Mapping[str, TableDeclaration], version: str | None
) -> list[str]:
    """Make a schema and its tables, or add what they lack; names those that were made or extended.

    Raises:
        InputError: tables of an older version stand there, or what stands contradicts the declaration.
    """
    await access.role()
    async with database.transaction() as transaction:
        ledger = await Ledger.open(transaction, schema)
        standing = await ledger.standing()
        _check_version(schema, standing, version)
        found = {name: table for (_, name), table in (await read_tables_of(transaction, [schema])).items()}
        recorded = dict(standing.tables) if standing else {}
        if standing and all(recorded.get(name) == table and name in found for name, table in tables.items()):
            return []
        await transaction.execute(f"create schema if not exists {quote_identifier(schema)}")
        await access.grant(transaction)
        changes: dict[str, list[str]] = {}
        for name, table in tables.items():
            known = found.get(name)
            changes[name] = extend_table(known, table) if known else create_table(schema, name, table)
            for statement in changes[name]:
                await transaction.execute(statement)
        await _check_shape(transaction, schema, tables)
        await maintain(transaction, schema, tables)
        await ledger.put(version or (standing.version if standing else None), recorded | dict(tables))
    return [name for name, several in changes.items() if several]


def _check_version(schema: str, standing: Standing | None, version: str | None) -> None:
    before = standing.version if standing else None
    if before is None or version is None or before == version:
        return
    older = number_of(before) < number_of(version)
    raise InputError(
        "tables of an older version stand there" if older else "the tables are newer than the module",
        expected=before,
        received=version,
        where=schema,
        next_step="platform modules migrate" if older else "use the module's newer version",
    )


async def _check_shape(transaction: Transaction, schema: str, tables: Mapping[str, TableDeclaration]) -> None:
    odd = await differences(transaction, schema, tables, only_declared=True)
    if odd:
        raise InputError(
            "what stands there is not what is declared",
            received="; ".join(odd[:5]),
            where=schema,
            next_step="declare the change as a migration of a new version",
        )


async def archive(database: Database, access: ModuleAccess, schema: str) -> str:
    """Put a module's tables aside under another schema; returns its name.

    Raises:
        NotFoundError: there is nothing to put aside.
    """
    await access.role()
    async with database.transaction() as transaction:
        ledger = await Ledger.open(transaction, schema)
        standing = await ledger.standing()
        if standing is None or not await transaction.fetchval(SQL["schema_exists"], schema):
            raise NotFoundError(
                "the module has no tables here", where=schema, next_step="subscribe the tenant to the module first"
            )
        stamp = datetime.now(UTC).strftime(_STAMP)
        aside = f"archive_{schema}"[: LONGEST - len(stamp) - 1] + f"_{stamp}"
        await access.withdraw(transaction)
        await transaction.execute(f"alter schema {quote_identifier(schema)} rename to {quote_identifier(aside)}")
        recorded = await transaction.fetchval(SQL["find_tables"], schema)
        await transaction.execute(SQL["archive"], aside, schema, standing.version, recorded)
        await ledger.forget()
    return aside


async def restore(database: Database, access: ModuleAccess, schema: str) -> str | None:
    """Bring back what was put aside last; returns the version its tables stand at.

    Raises:
        NotFoundError: nothing was put aside.
        InputError: the module has tables again.
    """
    await access.role()
    async with database.transaction() as transaction:
        await Ledger.open(transaction, schema)
        found = await transaction.fetchrow(SQL["newest_archive"], schema)
        if found is None:
            raise NotFoundError(
                "no tables of the module were put aside here",
                where=schema,
                next_step="provision them: there is nothing to bring back",
            )
        if await transaction.fetchval(SQL["schema_has_tables"], schema):
            raise InputError(
                "the module has tables again", where=schema, next_step="archive these before bringing older ones back"
            )
        own = quote_identifier(schema)
        await transaction.execute(f"drop schema if exists {own}")
        await transaction.execute(f"alter schema {quote_identifier(found['archived_as'])} rename to {own}")
        await access.grant(transaction)
        await transaction.execute(SQL["put"], schema, found["version"], found["tables"])
        await transaction.execute(SQL["restored"], found["archived_as"])
    return found["version"]
