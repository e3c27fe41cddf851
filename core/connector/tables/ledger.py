"""The tenant's own record: which module's tables stand at which version, which steps were taken, what was put aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.connector.tables.declaration import TableDeclaration, read_tables
from core.db import Transaction
from core.db.queries import load_queries

SQL = load_queries("core.connector.tables", "ledger.sql")
_PARTS = ("schema", "live", "steps", "archives")


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one module.

    Attributes:
        version: of the module that its tables fit; None for tables that belong to no module's version.
        tables: as they were declared.
    """

    schema: str
    version: str | None
    tables: dict[str, TableDeclaration]


class Ledger:
    """The record of one schema, inside one transaction that nobody else shares this schema's record with."""

    def __init__(self, transaction: Transaction, schema: str) -> None:
        self._transaction = transaction
        self._schema = schema

    @classmethod
    async def open(cls, transaction: Transaction, schema: str) -> Ledger:
        """Wait for others who change the same schema, and make the record if there is none."""
        if not await transaction.fetchval(SQL["ledger_exists"]):
            await transaction.fetch(SQL["one_at_a_time"], "the ledger itself")
            for part in _PARTS:
                await transaction.execute(SQL[part])
        await transaction.fetch(SQL["one_at_a_time"], schema)
        return cls(transaction, schema)

    async def standing(self) -> Standing | None:
        """What stands, None if nothing was recorded."""
        row = await self._transaction.fetchrow(SQL["find"], self._schema)
        return None if row is None else Standing(self._schema, row["version"], read_tables(row["tables"]))

    async def put(self, version: str | None, tables: Mapping[str, TableDeclaration]) -> None:
        """Record what stands now."""
        await self._transaction.execute(SQL["put"], self._schema, version, as_json(tables))

    async def steps_done(self, version: str) -> dict[int, str]:
        """Digests of a version's steps that were taken, by position."""
        rows = await self._transaction.fetch(SQL["steps_done"], self._schema, version)
        return {row["position"]: row["sha256"] for row in rows}

    async def step_done(self, version: str, position: int, sha256: str) -> None:
        """Record a step in the transaction that took it."""
        await self._transaction.execute(SQL["step_done"], self._schema, version, position, sha256)

    async def forget(self) -> None:
        """Nothing of this schema stands any more."""
        await self._transaction.execute(SQL["forget"], self._schema)
        await self._transaction.execute(SQL["forget_steps"], self._schema)


async def all_standing(transaction: Transaction) -> list[Standing]:
    """What stands of every module."""
    if not await transaction.fetchval(SQL["ledger_exists"]):
        return []
    rows = await transaction.fetch(SQL["all"])
    return [Standing(row["schema"], row["version"], read_tables(row["tables"])) for row in rows]


def as_json(tables: Mapping[str, TableDeclaration]) -> dict[str, Any]:
    """Declarations as a manifest writes them, without what is left at its default."""
    return {name: table.model_dump(mode="json", exclude_defaults=True) for name, table in tables.items()}
