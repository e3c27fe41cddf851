"""The administrator's door: past row-level security, never past the log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from core.audit.actor import Actor
from core.audit.record import entry_of
from core.audit.verifying import Verification, chains, verify_chain
from core.audit.writer import Writer
from core.db import Database, Transaction
from core.db.roles import ADMIN, PLATFORM
from core.errors import InputError
from core.run.postgres import Postgres

_CONNECTIONS = 3


class AdminDoor:
    """The only way to the platform database without a tenant; every opening is recorded before anything is done.

    The record stands in the platform's own chain, which no other role can write or read.
    """

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    @classmethod
    async def of(cls, postgres: Postgres, writer: Writer) -> AdminDoor:
        """The door of an installation; nothing is dialled until it is opened."""
        return cls(await Database.open(postgres.dsn(PLATFORM, ADMIN), max_size=_CONNECTIONS), writer)

    async def close(self) -> None:
        """Close the connections behind it."""
        await self._database.close()

    @asynccontextmanager
    async def open(self, actor: Actor, purpose: str, *, readonly: bool = False) -> AsyncGenerator[Transaction]:
        """One transaction that sees every tenant.

        Args:
            actor: who goes through.
            purpose: what for, as the log will say it for ever.
            readonly: the server refuses writes.

        Raises:
            InputError: the purpose is empty.
        """
        if not purpose.strip():
            raise InputError("administrator access needs a purpose")
        # In a transaction of its own: the record stays when the work behind the door is undone.
        await self.record(actor, "admin.access", purpose)
        async with self._database.transaction(readonly=readonly) as transaction:
            yield transaction

    async def record(
        self,
        actor: Actor,
        action: str,
        target: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
    ) -> int:
        """Add a record to the platform's chain, of something that belongs to no tenant; see `Audit.record`."""
        return await self._writer.write(
            self._database, None, entry_of(actor, action, target, before, after, outcome, None)
        )

    def note(
        self,
        transaction: Transaction,
        actor: Actor,
        action: str,
        target: str,
        before: object = None,
        after: object = None,
    ) -> None:
        """Add a record to the platform's chain together with a change made behind the door; see `Audit.note`."""
        self._writer.leave(transaction, None, entry_of(actor, action, target, before, after, "done", None))

    async def verify(self, actor: Actor) -> list[Verification]:
        """Walk every chain, the platform's own first, those of removed tenants too."""
        async with self.open(actor, "verify the audit log", readonly=True) as transaction:
            return [
                await verify_chain(transaction, self._writer, chain)
                for chain in await chains(transaction, self._writer)
            ]
