"""Reading the log."""

from __future__ import annotations

from uuid import UUID

from core.audit.record import AuditRecord
from core.db import Transaction
from core.db.queries import load_queries

_SQL = load_queries("core.audit")


async def newest(transaction: Transaction, chain: UUID, limit: int) -> list[AuditRecord]:
    """The newest records of one chain, newest first."""
    return [AuditRecord.of_row(row) for row in await transaction.fetch(_SQL["newest"], chain, limit)]
