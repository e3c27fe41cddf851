"""Whether the tables are as declared: the declaration is built beside them, and PostgreSQL's words are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.connector.catalogue import read_tables_of
from core.connector.columns import TableInfo
from core.connector.tables.ddl import create_table
from core.connector.tables.declaration import TableDeclaration
from core.db import Transaction
from core.db.identifiers import LONGEST, quote_identifier

_Shape = dict[str, str]


class _Undone(Exception):
    """Leaves the savepoint in which the declaration was built."""


async def differences(
    transaction: Transaction, schema: str, declared: Mapping[str, TableDeclaration], *, only_declared: bool
) -> list[str]:
    """What is not as declared, one line each: what stands where, what was declared, what is there.

    Column order counts for nothing: a column that a migration adds stands last.

    Args:
        transaction: the declaration is built and undone inside it.
        schema: the module's own.
        declared: by table name.
        only_declared: tables that are there but not declared are nobody's business.
    """
    beside = f"declared {schema}"[:LONGEST]
    wanted: dict[str, _Shape] = {}
    try:
        async with transaction.savepoint():
            await transaction.execute(f"create schema {quote_identifier(beside)}")
            for name, table in declared.items():
                for statement in create_table(beside, name, table):
                    await transaction.execute(statement)
            wanted = await _shapes(transaction, beside)
            raise _Undone
    except _Undone:
        pass
    found = await _shapes(transaction, schema)
    names = wanted if only_declared else wanted | found
    return [line for name in sorted(names) for line in _compare(schema, name, wanted.get(name), found.get(name))]


async def _shapes(transaction: Transaction, schema: str) -> dict[str, _Shape]:
    tables: Any = await read_tables_of(transaction, [schema])
    return {name: _shape(table) for (_, name), table in tables.items() if table.is_table}


def _shape(table: TableInfo) -> _Shape:
    inside = f"{quote_identifier(table.schema)}."
    shape = {"partitions": table.partition_key or "none"}
    for column in table.columns.values():
        null = "null" if column.nullable else "not null"
        shape[f"column {column.name}"] = f"{column.sql_type} {null} default {column.default}"
    for constraint in table.constraints:
        shape[f"constraint {constraint.name}"] = constraint.definition
    for index in table.indexes:
        # PostgreSQL quotes a schema's name only where it must.
        plain = index.definition.replace(inside, "").replace(f"{table.schema}.", "")
        shape[f"index {index.name}"] = plain
    return shape


def _compare(schema: str, name: str, wanted: _Shape | None, found: _Shape | None) -> list[str]:
    label = f"{schema}.{name}"
    if wanted is None:
        return [f"{label}: declared not at all, there is a table"]
    if found is None:
        return [f"{label}: declared, there is no such table"]
    return [
        f"{label} {part}: declared {wanted.get(part, 'not at all')}, there is {found.get(part, 'none')}"
        for part in sorted(wanted | found)
        if wanted.get(part) != found.get(part)
    ]
