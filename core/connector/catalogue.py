"""What stands in a tenant's database: tables, columns, keys; read once, read again when something is not found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from core.db import Database
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.errors import InputError

_SQL = load_queries("core.connector", "catalogue.sql")
_VECTOR = re.compile(r"vector\((\d+)\)")


class Kind(StrEnum):
    """What a column holds, as a module declares it."""

    UUID = "uuid"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    JSON = "json"
    VECTOR = "vector"
    OTHER = "other"


_KINDS = {
    "uuid": Kind.UUID,
    "text": Kind.STRING,
    "character varying": Kind.STRING,
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "real": Kind.FLOAT,
    "double precision": Kind.FLOAT,
    "numeric": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "timestamp with time zone": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "vector": Kind.VECTOR,
}


@dataclass(frozen=True)
class ColumnInfo:
    """One column.

    Attributes:
        sql_type: as PostgreSQL writes it, `vector(384)`.
        default: SQL expression, or None.
        dimensions: length of a vector column.
    """

    name: str
    kind: Kind
    sql_type: str
    nullable: bool
    default: str | None
    primary_key: bool
    dimensions: int | None = None

    @cached_property
    def quoted(self) -> str:
        """Name as it stands in SQL."""
        return quote_identifier(self.name)


@dataclass(frozen=True)
class TableInfo:
    """One table or view."""

    schema: str
    name: str
    is_table: bool
    columns: dict[str, ColumnInfo] = field(default_factory=lambda: dict[str, ColumnInfo]())
    keys: set[frozenset[str]] = field(default_factory=lambda: set[frozenset[str]]())

    @cached_property
    def quoted(self) -> str:
        """Name as it stands in SQL."""
        return quote_identifier(self.schema, self.name)

    @property
    def label(self) -> str:
        """Name as it stands in an error."""
        return f"{self.schema}.{self.name}"

    def column(self, name: object) -> ColumnInfo:
        """A column by name.

        Raises:
            InputError: there is none; names those there are.
        """
        found = self.columns.get(name) if isinstance(name, str) else None
        if found is None:
            raise InputError("no such column", expected=", ".join(self.columns), received=name, where=self.label)
        return found

    @cached_property
    def soft_deletes(self) -> bool:
        """Whether deleted rows stay and are marked."""
        mark = self.columns.get("is_deleted")
        return mark is not None and mark.kind is Kind.BOOLEAN


def _column(row: dict[str, object]) -> ColumnInfo:
    sql_type = str(row["sql_type"])
    length = _VECTOR.fullmatch(sql_type)
    default = row["default"]
    return ColumnInfo(
        name=str(row["name"]),
        kind=_KINDS.get(sql_type.split("(")[0], Kind.OTHER),
        sql_type=sql_type,
        nullable=bool(row["nullable"]),
        default=None if default is None else str(default),
        primary_key=bool(row["primary_key"]),
        dimensions=int(length[1]) if length else None,
    )


class Catalogue:
    """The tables of some schemas of one database."""

    def __init__(self, database: Database, schemas: Iterable[str]) -> None:
        self._database = database
        self._schemas = list(schemas)
        self._tables: dict[tuple[str, str], TableInfo] = {}

    async def find(self, schema: str, name: str) -> TableInfo | None:
        """A table, looked up in the database if it is not known yet."""
        if (schema, name) not in self._tables:
            await self.refresh()
        return self._tables.get((schema, name))

    def names(self, schema: str) -> list[str]:
        """Tables of a schema, sorted."""
        return sorted(name for inside, name in self._tables if inside == schema)

    async def refresh(self) -> None:
        """Read everything again."""
        tables: dict[tuple[str, str], TableInfo] = {}
        for row in await self._database.fetch(_SQL["columns"], self._schemas):
            key = (row["schema"], row["table"])
            table = tables.setdefault(key, TableInfo(*key, is_table=row["is_table"]))
            table.columns[row["name"]] = _column(row)
        for row in await self._database.fetch(_SQL["unique_keys"], self._schemas):
            if (row["schema"], row["table"]) in tables:
                tables[row["schema"], row["table"]].keys.add(frozenset(row["columns"]))
        self._tables = tables
