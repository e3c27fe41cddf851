"""The audit log of one tenant at a time, under row-level security."""

from __future__ import annotations

from core.audit.actor import Actor
from core.audit.reading import Filters, newest
from core.audit.record import AuditRecord, entry_of
from core.audit.verifying import Verification, verify_chain
from core.audit.writer import Writer
from core.db import Database, TenantScope, Transaction


class Audit:
    """Writes, reads and verifies the chains of tenants."""

    def __init__(self, database: Database, writer: Writer) -> None:
        """The log of an installation.

        Args:
            database: platform database under a role that row-level security holds.
            writer: keeps the key and the exported heads.
        """
        self._database = database
        self._writer = writer

    async def record(
        self,
        scope: TenantScope,
        actor: Actor,
        action: str,
        target: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
        *,
        request_id: str | None = None,
    ) -> int:
        """Add a record of something that changed no row, a denial or a reading; it is durable when this returns.

        Args:
            scope: tenant whose chain grows.
            actor: who.
            action: what, `<thing>.<verb>`.
            target: on which thing.
            before: state before, anything JSON can hold; None when nothing changed.
            after: state after.
            outcome: `done`, `denied`, `failed` or a word of the action's own.
            request_id: if it is not the one this runs in.

        Returns:
            Its position in the tenant's chain.
        """
        entry = entry_of(actor, action, target, before, after, outcome, request_id)
        return await self._writer.write(self._database, scope.id, entry)

    def note(
        self,
        transaction: Transaction,
        scope: TenantScope,
        actor: Actor,
        action: str,
        target: str,
        before: object = None,
        after: object = None,
    ) -> None:
        """Add a record together with the change it tells of: both are there after the commit, or neither.

        Args:
            transaction: of the scope's tenant, in which the change is made.
            scope: tenant whose chain grows.
            actor: who.
            action: what, `<thing>.<verb>`.
            target: on which thing.
            before: state before, anything JSON can hold.
            after: state after.
        """
        entry = entry_of(actor, action, target, before, after, "done", None)
        self._writer.leave(transaction, scope.id, entry)

    async def newest(self, scope: TenantScope, limit: int = 50) -> list[AuditRecord]:
        """The newest records, newest first."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return await newest(transaction, Filters(chain=scope.id), limit)

    async def verify(self, scope: TenantScope) -> Verification:
        """Recompute a tenant's chain and hold it against the exported head."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return await verify_chain(transaction, self._writer, scope.id)
