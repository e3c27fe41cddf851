"""What is known of tables and their columns. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from core.db.identifiers import quote_identifier
from core.errors import InputError

if TYPE_CHECKING:
    from core.connector.writer import Writer


class Kind(StrEnum):
    """What a column holds, as a module declares it."""

    UUID = "uuid"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    JSON = "json"
    VECTOR = "vector"
    OTHER = "other"


@dataclass(frozen=True)
class ColumnInfo:
    """One column.

    Attributes:
        kind: of an array, what its elements are.
        sql_type: as PostgreSQL writes it, `vector(384)`.
        default: SQL expression, or None.
        dimensions: length of a vector column.
        array: the column holds a list.
    """

    name: str
    kind: Kind
    sql_type: str
    nullable: bool
    default: str | None
    primary_key: bool
    dimensions: int | None = None
    array: bool = False

    @cached_property
    def quoted(self) -> str:
        """Name as it stands in SQL."""
        return quote_identifier(self.name)


@dataclass(frozen=True)
class Definition:
    """A constraint or an index, as PostgreSQL writes it."""

    name: str
    definition: str


@dataclass(frozen=True)
class TableInfo:
    """One table or view.

    Attributes:
        is_table: rows can be stored; false for a view.
        columns: in order.
        keys: column sets that name a row: the primary key and the unique ones.
        constraints: primary key, unique groups, checks.
        indexes: those that are no constraint's.
        partition_key: how the table is cut into partitions, `RANGE (ts)`; None if it is not.
    """

    schema: str
    name: str
    is_table: bool
    partition_key: str | None = None
    columns: dict[str, ColumnInfo] = field(default_factory=lambda: dict[str, ColumnInfo]())
    keys: set[frozenset[str]] = field(default_factory=lambda: set[frozenset[str]]())
    constraints: list[Definition] = field(default_factory=lambda: list[Definition]())
    indexes: list[Definition] = field(default_factory=lambda: list[Definition]())

    @cached_property
    def quoted(self) -> str:
        """Name as it stands in SQL."""
        return quote_identifier(self.schema, self.name)

    @cached_property
    def label(self) -> str:
        """Name as it stands in an error."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def names(self) -> dict[str, str]:
        """Every column's name as it stands in SQL."""
        return {name: column.quoted for name, column in self.columns.items()}

    @cached_property
    def writers(self) -> dict[tuple[str, ...], Writer]:
        """What `core.connector.writer` worked out, by the columns that are stored."""
        return {}

    def column(self, name: object) -> ColumnInfo:
        """A column by name.

        Raises:
            InputError: there is none; names those there are.
        """
        found = self.columns.get(name) if isinstance(name, str) else None
        if found is None:
            raise InputError("no such column", expected=", ".join(self.columns), received=name, where=self.label)
        return found

    def definitions(self) -> list[str]:
        """Constraints and indexes as PostgreSQL writes them."""
        return [one.definition for one in (*self.constraints, *self.indexes)]

    @cached_property
    def soft_deletes(self) -> bool:
        """Whether deleted rows stay and are marked."""
        mark = self.columns.get("is_deleted")
        return mark is not None and mark.kind is Kind.BOOLEAN
