"""What stands in a tenant's database: tables, columns, keys; read once, read again when something is not found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

from core.connector.columns import ColumnInfo, Definition, Kind, TableInfo
from core.db.queries import load_queries

_SQL = load_queries("core.connector", "catalogue.sql")
_VECTOR = re.compile(r"vector\((\d+)\)")
_KINDS = {
    "uuid": Kind.UUID,
    "text": Kind.STRING,
    "character varying": Kind.STRING,
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "real": Kind.FLOAT,
    "double precision": Kind.FLOAT,
    "numeric": Kind.DECIMAL,
    "boolean": Kind.BOOLEAN,
    "timestamp with time zone": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "vector": Kind.VECTOR,
}


class Reader(Protocol):
    """A database or a transaction: whatever answers one statement with rows."""

    async def fetch(self, sql: str, *args: object) -> list[dict[str, Any]]: ...


class Catalogue:
    """The tables of some schemas of one database."""

    def __init__(self, schemas: Iterable[str]) -> None:
        self._schemas = list(schemas)
        self._tables: dict[tuple[str, str], TableInfo] = {}

    def known(self, schema: str, name: str) -> TableInfo | None:
        """A table as it was when the database was last asked."""
        return self._tables.get((schema, name))

    async def find(self, reader: Reader, schema: str, name: str) -> TableInfo | None:
        """A table, looked up in the database if it is not known yet."""
        if (schema, name) not in self._tables:
            await self.refresh(reader)
        return self._tables.get((schema, name))

    def names(self, schema: str) -> list[str]:
        """Tables of a schema, sorted."""
        return sorted(name for inside, name in self._tables if inside == schema)

    async def refresh(self, reader: Reader) -> None:
        """Read everything again."""
        self._tables = await read_tables_of(reader, self._schemas)


async def read_tables_of(reader: Reader, schemas: list[str]) -> dict[tuple[str, str], TableInfo]:
    """Tables and views by schema and name; a partition is part of its table, not a table."""
    tables: dict[tuple[str, str], TableInfo] = {}
    for row in await reader.fetch(_SQL["columns"], schemas):
        key = (row["schema"], row["table"])
        table = tables.setdefault(key, TableInfo(*key, row["is_table"], row["partition_key"]))
        table.columns[row["name"]] = _column(row)
    for row in await reader.fetch(_SQL["constraints"], schemas):
        if table := tables.get((row["schema"], row["table"])):
            table.constraints.append(Definition(row["name"], row["definition"]))
    for row in await reader.fetch(_SQL["indexes"], schemas):
        table = tables.get((row["schema"], row["table"]))
        if table is None:  # Made since the columns were read.
            continue
        if row["is_key"]:
            table.keys.add(frozenset(row["columns"]))
        if not row["of_constraint"]:
            table.indexes.append(Definition(row["name"], row["definition"]))
    return tables


def _column(row: dict[str, Any]) -> ColumnInfo:
    sql_type = str(row["sql_type"])
    length = _VECTOR.fullmatch(sql_type)
    return ColumnInfo(
        name=row["name"],
        kind=_KINDS.get(sql_type.removesuffix("[]").split("(")[0], Kind.OTHER),
        sql_type=sql_type,
        nullable=row["nullable"],
        default=row["default"],
        primary_key=row["primary_key"],
        dimensions=int(length[1]) if length else None,
        array=sql_type.endswith("[]"),
    )
