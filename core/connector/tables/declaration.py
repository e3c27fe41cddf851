"""Tables as a module declares them, in its manifest or in code. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from core.connector.columns import ColumnInfo, Kind
from core.connector.values import convert
from core.errors import InputError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
DeclaredKind = Literal[
    "uuid", "string", "integer", "float", "decimal", "boolean", "timestamp", "date", "json", "vector"
]
_TYPES = {
    "uuid": "uuid",
    "string": "text",
    "integer": "bigint",
    "float": "double precision",
    "decimal": "numeric",
    "boolean": "boolean",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "json": "jsonb",
}
_COMPARISON = re.compile(r"^(?P<left>[a-z][a-z0-9_]*) *(?P<operator><=|>=|<>|<|>|=) *(?P<right>[a-z][a-z0-9_]*)$")
MOST_DIMENSIONS = 2_000
"""Longest vector that pgvector indexes."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnDeclaration(_Form):
    """One column."""

    type: DeclaredKind
    array: bool = False
    """A list of such values, none of them null."""
    dimensions: int | None = Field(default=None, ge=1, le=MOST_DIMENSIONS)
    """Length of a vector; a model of another length gets a column of its own."""
    precision: int | None = Field(default=None, ge=1, le=1_000)
    """Digits of a decimal; without one it holds as many as it is given."""
    scale: int | None = Field(default=None, ge=0, le=1_000)
    """Of these, digits after the point."""
    primary_key: bool = False
    """A primary key of type uuid is filled in by itself."""
    indexed: bool = False
    """For look-ups: by order, of JSON and lists by what they hold, of vectors by distance."""
    nullable: bool = False
    auto: bool = False
    """A timestamp filled in with the time of insertion."""
    default: Any = None
    enum: tuple[str, ...] | None = None
    """The only texts a string may be."""
    pattern: str | None = None
    """Regular expression (PostgreSQL's) a string must match."""
    max_length: int | None = Field(default=None, ge=1)
    """Characters of a string at most."""
    min: float | None = None
    max: float | None = None
    """Range of a number, ends included."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> ColumnDeclaration:
        for name, types in _ONLY_FOR.items():
            if getattr(self, name) not in (None, False) and self.type not in types:
                raise ValueError(f"{name} is for {' or '.join(types)}")
        if self.type == "vector" and self.dimensions is None:
            raise ValueError("a vector has dimensions")
        if self.enum == ():
            raise ValueError("enum lists at least one text")
        if (self.scale or 0) > (self.precision or 0):
            raise ValueError("scale is at most precision")
        if self.array and (self.type in ("json", "vector") or self.primary_key or self.auto or self.checked):
            raise ValueError("a list is of plain values, without key, auto or checks")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        if self.primary_key and self.nullable:
            raise ValueError("a primary key is never null")
        self._check_default()
        return self

    def _check_default(self) -> None:
        if self.default is None:
            return
        if self.auto or self.primary_key or self.type in ("json", "vector"):
            raise ValueError("this column cannot have a default")
        if self.enum is not None and self.default not in self.enum:
            raise ValueError("the default is not in enum")
        try:
            convert(self.info("default"), self.default, "default")
        except InputError as error:
            raise ValueError(f"the default is not {error.expected}") from error

    @property
    def checked(self) -> bool:
        """Whether values are held to more than their type."""
        return any(one is not None for one in (self.enum, self.pattern, self.max_length, self.min, self.max))

    @property
    def sql_type(self) -> str:
        """As PostgreSQL writes it."""
        plain = f"vector({self.dimensions})" if self.type == "vector" else _TYPES[self.type]
        if self.precision is not None:
            plain = f"numeric({self.precision},{self.scale or 0})"
        return f"{plain}[]" if self.array else plain

    def info(self, name: str) -> ColumnInfo:
        """The column as the catalogue will show it."""
        return ColumnInfo(
            name, Kind(self.type), self.sql_type, self.nullable, None, self.primary_key, self.dimensions, self.array
        )


_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "dimensions": ("vector",),
    "precision": ("decimal",),
    "scale": ("decimal",),
    "auto": ("timestamp",),
    "enum": ("string",),
    "pattern": ("string",),
    "max_length": ("string",),
    "min": ("integer", "float", "decimal"),
    "max": ("integer", "float", "decimal"),
}


class IndexDeclaration(_Form):
    """An index over several columns, over words, or over some of the rows."""

    columns: tuple[Name, ...] = Field(min_length=1, max_length=8)
    search: bool = False
    """For the filter `matches`: over the words of one string column."""
    unique: bool = False
    """Among the rows of `where`; a group that is unique among all rows stands under the table's `unique`."""
    where: dict[Name, str | bool | int | float | None] = {}
    """Only the rows in which these columns have these values."""

    @model_validator(mode="after")
    def _makes_sense(self) -> IndexDeclaration:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column stands twice in an index")
        if self.search and (self.unique or len(self.columns) != 1):
            raise ValueError("search is over one column and not unique")
        if self.unique and not self.where:
            raise ValueError("a unique index has a where; without one, list the columns under unique")
        return self


class TableDeclaration(_Form):
    """One table; `is_deleted`, `created_at` and `updated_at` come by themselves, and `id` if nothing is the key."""

    columns: dict[Name, ColumnDeclaration] = Field(min_length=1)
    unique: tuple[tuple[Name, ...], ...] = ()
    """Groups of columns that an upsert may use as its key."""
    indexes: tuple[IndexDeclaration, ...] = ()
    checks: dict[Name, str] = {}
    """Comparisons of two columns by name: `{"ends_after_start": "ended_at >= started_at"}`."""
    partition_by: Name | None = None
    """Timestamp or date; one partition a month or day, made ahead of time."""
    partition_every: Literal["month", "day"] = "month"
    retention_days: int | None = Field(default=None, ge=1)
    """Partitions whose last row is older are dropped; rows of a table without partitions stay."""

    @field_validator("checks")
    @classmethod
    def _compare_two_columns(cls, checks: dict[str, str]) -> dict[str, str]:
        for text in checks.values():
            comparison(text)
        return checks

    @model_validator(mode="after")
    def _names_exist(self) -> TableDeclaration:
        columns = self.complete()
        used = {"unique": [name for group in self.unique for name in group]}
        used["indexes"] = [name for index in self.indexes for name in (*index.columns, *index.where)]
        used["checks"] = [side for text in self.checks.values() for side in comparison(text)[::2]]
        used["partition_by"] = [self.partition_by] if self.partition_by else []
        for what, names in used.items():
            unknown = sorted(set(names) - set(columns))
            if unknown:
                raise ValueError(f"{what} names unknown columns: {', '.join(unknown)}")
        if set(self.checks) & set(columns):
            raise ValueError(f"a check has a column's name: {', '.join(sorted(set(self.checks) & set(columns)))}")
        for index in self.indexes:
            if index.search and (columns[index.columns[0]].type != "string" or columns[index.columns[0]].array):
                raise ValueError(f"search is over a string column: {index.columns[0]}")
        self._check_partitions(columns)
        return self

    def _check_partitions(self, columns: Mapping[str, ColumnDeclaration]) -> None:
        if self.partition_by is None:
            if self.retention_days is not None or self.partition_every != "month":
                raise ValueError("retention_days and partition_every need partition_by")
            return
        cut = columns[self.partition_by]
        if cut.type not in ("timestamp", "date") or cut.array or cut.nullable:
            raise ValueError("partition_by is a timestamp or date that is never null")
        without = [group for group in self.unique if self.partition_by not in group]
        if without or any(index.unique and self.partition_by not in index.columns for index in self.indexes):
            raise ValueError("with partition_by, every unique group contains that column")

    def complete(self) -> dict[str, ColumnDeclaration]:
        """All columns, those that come by themselves included."""
        columns: dict[str, ColumnDeclaration] = dict(self.columns)
        if not any(column.primary_key for column in columns.values()):
            columns = {"id": ColumnDeclaration(type="uuid", primary_key=True)} | columns
        columns.setdefault("is_deleted", ColumnDeclaration(type="boolean", default=False))
        columns.setdefault("created_at", ColumnDeclaration(type="timestamp", auto=True))
        columns.setdefault("updated_at", ColumnDeclaration(type="timestamp", auto=True))
        return columns


def comparison(text: str) -> tuple[str, str, str]:
    """Left column, operator and right column of a check.

    Raises:
        ValueError: it is not a comparison of two columns.
    """
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise ValueError(f"a check compares two columns, like 'ended_at >= started_at', and not {text!r}")
    return match["left"], match["operator"], match["right"]


class _Tables(_Form):
    tables: dict[Name, TableDeclaration]


def read_tables(tables: object) -> dict[str, TableDeclaration]:
    """Declarations by table name, from models or from what a manifest holds.

    Raises:
        InputError: the first thing that is wrong.
    """
    try:
        return dict(_Tables.model_validate({"tables": tables}).tables)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        raise InputError(
            "table declaration is wrong",
            expected=first["msg"].removeprefix("Value error, "),
            received=_short(first["input"]),
            where=place or "tables",
        ) from error


def _short(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else None
