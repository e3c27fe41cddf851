"""What a module says of its tables, taken together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.connector.tables.declaration import TableDeclaration
from core.connector.tables.migrations import Migration


@dataclass(frozen=True, slots=True)
class ModuleTables:
    """A module's tables in every tenant that has it.

    Attributes:
        schema: where they lie in a tenant's database.
        version: of the module.
        tables: as that version declares them.
        migrations: how those of earlier versions become these.
    """

    schema: str
    version: str
    tables: Mapping[str, TableDeclaration]
    migrations: Sequence[Migration]
