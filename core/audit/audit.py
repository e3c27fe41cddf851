"""The audit log of the platform database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.audit.chain import GENESIS, Walk, as_text, mac_of
from core.audit.heads import Heads
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.run.folder import RunFolder

_SQL = load_queries("core.audit")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the log."""

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    before: Any
    after: Any
    outcome: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What walking a chain found.

    Attributes:
        ok: every record is as it was written and none is missing.
        records: intact records, from the first.
        broken_at: position of the first broken link.
        reason: what is wrong there.
    """

    ok: bool
    records: int
    broken_at: int | None = None
    reason: str | None = None


class Audit:
    """Writes and verifies the chains; holds the key, which never enters the database."""

    def __init__(self, database: Database, key: bytes, heads: Heads) -> None:
        self._database = database
        self._key = key
        self._heads = heads

    @classmethod
    def over(cls, database: Database, run: RunFolder) -> Audit:
        """The log of an installation.

        Args:
            database: platform database under a role that row-level security holds.
            run: keeps the key and the exported heads.
        """
        return cls(database, run.secret("audit_key").encode(), Heads(run.path / "audit"))

    async def record(
        self,
        scope: TenantScope,
        actor: str,
        action: str,
        target: str,
        before: object = None,
        after: object = None,
        outcome: str = "done",
    ) -> int:
        """Add a record; it is durable when this returns.

        Args:
            scope: tenant whose chain grows.
            actor: who: `person:<email>`, `agent:<name>`, `bridge:<id>`, `service:<name>` or `command`.
            action: what, `<thing>.<verb>`.
            target: on which thing.
            before: state before, anything JSON can hold; None when nothing changed.
            after: state after.
            outcome: `done`, `denied`, `failed` or a word of the action's own.

        Returns:
            Its position in the tenant's chain.
        """
        row: dict[str, str | None] = {
            "actor": actor,
            "action": action,
            "target": target,
            "before": as_text(before),
            "after": as_text(after),
            "outcome": outcome,
        }
        async with self._database.transaction(scope.id) as transaction:
            seq, mac = await self._chain(transaction, scope, row)
        self._heads.export(scope.slug, seq, mac)
        return seq

    async def _chain(self, transaction: Transaction, scope: TenantScope, row: dict[str, str | None]) -> tuple[int, str]:
        await transaction.execute(_SQL["lock_chain"], scope.id)
        head = await transaction.fetchrow(_SQL["head"], scope.id)
        seq, previous = (head["seq"] + 1, head["mac"]) if head else (1, GENESIS)
        at = datetime.now(UTC)
        mac = mac_of(self._key, str(scope.id), seq, at, row, previous)
        await transaction.execute(_SQL["add"], scope.id, seq, at, *row.values(), previous, mac)
        return seq, mac

    async def newest(self, scope: TenantScope, limit: int = 50) -> list[AuditRecord]:
        """The newest records, newest first."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return [AuditRecord(**row) for row in await transaction.fetch(_SQL["newest"], scope.id, limit)]

    async def verify(self, scope: TenantScope) -> Verification:
        """Recompute a tenant's chain and hold it against the exported head."""
        # Read before the chain: a record that comes in between makes the chain longer than the head, never shorter.
        head = self._heads.read(scope.slug)
        walk = Walk(self._key, str(scope.id))
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            while rows := await transaction.fetch(_SQL["chain"], scope.id, walk.seq, _PAGE):
                if not walk.take(rows, dict([head]) if head else {}):
                    break
        if walk.fault is None and head is not None and walk.seq < head[0]:
            walk.fault = (walk.seq + 1, "the end of the chain was cut off")
        if walk.fault is None:
            return Verification(ok=True, records=walk.seq)
        return Verification(ok=False, records=walk.seq, broken_at=walk.fault[0], reason=walk.fault[1])
