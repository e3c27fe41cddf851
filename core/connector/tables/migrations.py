"""Migrations as a manifest declares them: versions in order, each a list of operations. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from core.connector.tables.declaration import (
    ColumnDeclaration,
    IndexDeclaration,
    Name,
    TableDeclaration,
    comparison,
)
from core.errors import InputError

Version = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$")]


class _Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: Name
    destructive: bool = False
    """The author knows that values are lost; whoever runs it must allow that too."""


class CreateTable(_Operation, TableDeclaration):
    """A table that is new in this version, as it was then."""

    action: Literal["create_table"]


class AddColumn(_Operation, ColumnDeclaration):
    """A new column: nullable, auto, or with a default for the rows that exist."""

    action: Literal["add_column"]
    column: Name


class AlterColumn(_Operation, ColumnDeclaration):
    """A column's whole new declaration; what its type would lose makes it destructive."""

    action: Literal["alter_column"]
    column: Name


class RenameColumn(_Operation):
    """The same column under another name."""

    action: Literal["rename_column"]
    column: Name
    to: Name


class AddIndex(_Operation, IndexDeclaration):
    """An index of the table's list `indexes`."""

    action: Literal["add_index"]


class DropIndex(_Operation, IndexDeclaration):
    """An index that left that list."""

    action: Literal["drop_index"]


class AddUnique(_Operation):
    """A group of columns that is a key from now on."""

    action: Literal["add_unique"]
    columns: tuple[Name, ...] = Field(min_length=1)


class DropUnique(_Operation):
    """A group of columns that is a key no longer."""

    action: Literal["drop_unique"]
    columns: tuple[Name, ...] = Field(min_length=1)


class AddCheck(_Operation):
    """A comparison of two columns that every row fulfils from now on."""

    action: Literal["add_check"]
    name: Name
    check: str

    @field_validator("check")
    @classmethod
    def _compares(cls, check: str) -> str:
        comparison(check)
        return check


class DropCheck(_Operation):
    """A comparison that need not hold any more."""

    action: Literal["drop_check"]
    name: Name


class Transform(_Operation):
    """Fill a column: with one value, or from another column, mapped value by value or by factor and offset.

    Only rows where it is null are filled, unless `overwrite`, which is destructive.
    """

    action: Literal["transform"]
    column: Name
    value: str | bool | int | float | None = None
    source: Name | None = Field(default=None, alias="from")
    mapping: dict[str, str | bool | int | float] | None = None
    """New value by the old one's text; other rows stay as they are."""
    factor: float = 1
    offset: float = 0
    where: dict[Name, Any] = {}
    """A filter as the connector's `query` takes it."""
    overwrite: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Transform:
        if (self.value is None) == (self.source is None):
            raise ValueError("a transform has either value or from")
        scaled = self.factor != 1 or self.offset != 0
        if (self.mapping is not None or scaled) and (self.source is None or (self.mapping is not None and scaled)):
            raise ValueError("mapping, or factor and offset, go with from")
        return self


class DropColumn(_Operation):
    """A column and what it holds."""

    action: Literal["drop_column"]
    column: Name


class DropTable(_Operation):
    """A table and its rows."""

    action: Literal["drop_table"]


Operation = Annotated[
    CreateTable
    | AddColumn
    | AlterColumn
    | RenameColumn
    | AddIndex
    | DropIndex
    | AddUnique
    | DropUnique
    | AddCheck
    | DropCheck
    | Transform
    | DropColumn
    | DropTable,
    Field(discriminator="action"),
]


class Migration(BaseModel):
    """What one version of a module changes in its tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Version
    description: str = Field(min_length=3)
    operations: tuple[Operation, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _losses_are_declared(self) -> Migration:
        for operation in self.operations:
            loses = isinstance(operation, DropColumn | DropTable) or (
                isinstance(operation, Transform) and operation.overwrite
            )
            if loses and not operation.destructive:
                raise ValueError(f"{operation.action} of {operation.table} loses values: it needs destructive: true")
        return self


class _Migrations(BaseModel):
    migrations: tuple[Migration, ...]

    @model_validator(mode="after")
    def _in_order(self) -> _Migrations:
        versions = [number_of(migration.version) for migration in self.migrations]
        if versions != sorted(set(versions)):
            raise ValueError("migrations stand in the order of their versions, each version once")
        return self


def read_migrations(migrations: object) -> tuple[Migration, ...]:
    """Migrations from models or from what a manifest holds.

    Raises:
        InputError: the first thing that is wrong.
    """
    try:
        return _Migrations.model_validate({"migrations": migrations}).migrations
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        given = first["input"]
        raise InputError(
            "migration is wrong",
            expected=first["msg"].removeprefix("Value error, "),
            received=given if isinstance(given, str | int | float | bool) else None,
            where=f"data_migrations.{place}" if place else "data_migrations",
        ) from error


def number_of(version: str) -> tuple[int, ...]:
    """A version as numbers that compare."""
    return tuple(int(part) for part in version.split("."))


def pending(migrations: Sequence[Migration], before: str, version: str) -> list[Migration]:
    """Migrations after one version, up to and including another."""
    return [one for one in migrations if number_of(before) < number_of(one.version) <= number_of(version)]


def digest(operation: Operation) -> str:
    """What an operation says, so that one that was changed after it ran is noticed."""
    said = operation.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
