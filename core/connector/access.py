"""What the module's own database role may reach: its own schema to read and write, published schemas to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from core.db import Database, Transaction
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries

_SQL = load_queries("core.connector", "access.sql")


class ModuleAccess:
    """The role of one module in one tenant's database, with its rights.

    Args:
        database: under the tenant's role, which owns the schemas.
        make_role: makes the role, or finds it, and gives its name.
        schemas: the module's own, then those it reads.
    """

    def __init__(self, database: Database, make_role: Callable[[], Awaitable[str]], schemas: Sequence[str]) -> None:
        self._database = database
        self._make_role = make_role
        self._schemas = tuple(schemas)
        self._role: str | None = None

    async def role(self) -> str:
        """The role, made and given its rights when it is first asked for."""
        if self._role is None:
            role = await self._make_role()
            async with self._database.transaction() as transaction:
                await self._grant(transaction, role)
            self._role = role
        return self._role

    async def grant(self, transaction: Transaction) -> None:
        """Give the role its rights on schemas that were made or brought back in this transaction."""
        await self._grant(transaction, await self.role())

    async def withdraw(self, transaction: Transaction) -> None:
        """Take away what the role may do in the module's own schema."""
        role, own = quote_identifier(await self.role()), quote_identifier(self._schemas[0])
        await transaction.execute(f"revoke all on all tables in schema {own} from {role}")
        await transaction.execute(f"revoke all on schema {own} from {role}")

    async def _grant(self, transaction: Transaction, role: str) -> None:
        await transaction.fetch(_SQL["one_grants_at_a_time"])
        missing = await transaction.fetch(_SQL["schemas_without_rights"], list(self._schemas), role)
        for schema in (row["schema"] for row in missing):
            rights = "select, insert, update, delete" if schema == self._schemas[0] else "select"
            inside, to = quote_identifier(schema), quote_identifier(role)
            await transaction.execute(f"grant usage on schema {inside} to {to}")
            await transaction.execute(f"grant {rights} on all tables in schema {inside} to {to}")
            await transaction.execute(f"alter default privileges in schema {inside} grant {rights} on tables to {to}")
