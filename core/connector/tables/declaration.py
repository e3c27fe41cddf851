"""Tables as a module declares them, and the DDL that makes them. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from core.connector.columns import ColumnInfo, Kind, TableInfo
from core.connector.values import convert
from core.db.identifiers import quote_identifier
from core.errors import InputError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
DeclaredKind = Literal["uuid", "string", "integer", "float", "boolean", "timestamp", "date", "json", "vector"]
_TYPES = {
    "uuid": "uuid",
    "string": "text",
    "integer": "bigint",
    "float": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "json": "jsonb",
}
MOST_DIMENSIONS = 2_000
"""Longest vector that pgvector indexes."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnDeclaration(_Form):
    """One column."""

    type: DeclaredKind
    dimensions: int | None = Field(default=None, ge=1, le=MOST_DIMENSIONS)
    """Length of a vector."""
    primary_key: bool = False
    """A primary key of type uuid is filled in by itself."""
    indexed: bool = False
    nullable: bool = False
    auto: bool = False
    """A timestamp filled in with the time of insertion."""
    default: Any = None
    enum: tuple[str, ...] | None = None
    """The only texts a string may be."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> ColumnDeclaration:
        if (self.type == "vector") != (self.dimensions is not None):
            raise ValueError("a vector, and nothing else, has dimensions")
        if self.enum is not None and (self.type != "string" or not self.enum):
            raise ValueError("enum lists the texts of a string column")
        if self.auto and self.type != "timestamp":
            raise ValueError("auto is for timestamps")
        if self.default is not None and (self.auto or self.primary_key or self.type in ("json", "vector")):
            raise ValueError("this column cannot have a default")
        if self.enum is not None and self.default is not None and self.default not in self.enum:
            raise ValueError("the default is not in enum")
        return self

    @property
    def sql_type(self) -> str:
        """As PostgreSQL writes it."""
        return f"vector({self.dimensions})" if self.type == "vector" else _TYPES[self.type]


class TableDeclaration(_Form):
    """One table; `is_deleted`, `created_at` and `updated_at` come by themselves, and `id` if nothing is the key."""

    columns: dict[Name, ColumnDeclaration] = Field(min_length=1)
    unique: tuple[tuple[Name, ...], ...] = ()
    """Groups of columns that an upsert may use as its key."""

    @model_validator(mode="after")
    def _unique_names_exist(self) -> TableDeclaration:
        unknown = sorted({name for group in self.unique for name in group} - set(self.columns))
        if unknown:
            raise ValueError(f"unique names unknown columns: {', '.join(unknown)}")
        return self

    def complete(self) -> dict[str, ColumnDeclaration]:
        """All columns, those that come by themselves included."""
        columns: dict[str, ColumnDeclaration] = dict(self.columns)
        if not any(column.primary_key for column in columns.values()):
            columns = {"id": ColumnDeclaration(type="uuid", primary_key=True)} | columns
        columns.setdefault("is_deleted", ColumnDeclaration(type="boolean", default=False))
        columns.setdefault("created_at", ColumnDeclaration(type="timestamp", auto=True))
        columns.setdefault("updated_at", ColumnDeclaration(type="timestamp", auto=True))
        return columns


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
        raise InputError("table declaration is wrong", expected=first["msg"], where=place or "tables") from error


def create_table(schema: str, name: str, table: TableDeclaration) -> list[str]:
    """DDL of a table that does not exist."""
    columns = table.complete()
    lines = [_line(schema, name, column, form) for column, form in columns.items()]
    keys = [quote_identifier(column) for column, form in columns.items() if form.primary_key]
    lines.append(f"primary key ({', '.join(keys)})")
    lines += [f"unique ({', '.join(map(quote_identifier, group))})" for group in table.unique]
    quoted = quote_identifier(schema, name)
    create = f"create table {quoted} (\n  " + ",\n  ".join(lines) + "\n)"
    return [create, *(_index(schema, name, column, form) for column, form in columns.items() if form.indexed)]


def extend_table(table: TableInfo, declared: TableDeclaration) -> list[str]:
    """DDL that adds the columns a table lacks; what is there is never changed.

    Raises:
        InputError: a column is there under another type, or a new one could not be filled for rows that exist.
    """
    statements: list[str] = []
    for name, form in declared.complete().items():
        known = table.columns.get(name)
        if known is None:
            if not (form.nullable or form.auto or form.default is not None):
                raise InputError(
                    f"new column {name!r} has nothing for the rows that exist",
                    expected="nullable, auto or a default",
                    where=table.label,
                )
            line = _line(table.schema, table.name, name, form)
            statements.append(f"alter table {table.quoted} add column {line}")
            statements += [_index(table.schema, table.name, name, form)] if form.indexed else []
        elif known.sql_type != form.sql_type:
            raise InputError(
                f"column {name!r} is there under another type",
                expected=known.sql_type,
                received=form.sql_type,
                where=table.label,
                next_step="declare a new column",
            )
    return statements


def _line(schema: str, table: str, name: str, form: ColumnDeclaration) -> str:
    quoted = quote_identifier(name)
    parts = [quoted, form.sql_type]
    if not form.nullable:
        parts.append("not null")
    if form.primary_key and form.type == "uuid":
        parts.append("default gen_random_uuid()")
    elif form.auto:
        parts.append("default now()")
    elif form.default is not None:
        info = ColumnInfo(name, Kind(form.type), form.sql_type, form.nullable, None, form.primary_key)
        parts.append(f"default {_literal(convert(info, form.default, f'{schema}.{table}'))}")
    if form.enum is not None:
        parts.append(f"check ({quoted} in ({', '.join(map(_literal, form.enum))}))")
    return " ".join(parts)


def _index(schema: str, table: str, column: str, form: ColumnDeclaration) -> str:
    how = "using hnsw ({0} vector_cosine_ops)" if form.type == "vector" else "({0})"
    # Unnamed: PostgreSQL picks a name that is free and fits.
    return f"create index on {quote_identifier(schema, table)} {how.format(quote_identifier(column))}"


def _literal(value: object) -> str:
    """A constant inside DDL, which takes no parameters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"'{value!r}'::float8" if isinstance(value, float) else repr(value)
    if isinstance(value, datetime):
        return f"'{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    text = str(value)
    # E'' with doubled backslashes reads the same whatever standard_conforming_strings says.
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
