"""Recomputing chains and holding them against the heads outside the database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.audit.writer import Writer
from core.db import Transaction
from core.db.queries import load_queries

_SQL = load_queries("core.audit")
_PAGE = 1_000


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


async def verify_chain(transaction: Transaction, writer: Writer, chain: UUID) -> Verification:
    """Walk one chain from its first record.

    Args:
        transaction: sees the chain, by its tenant or as the administrator.
        writer: holds the key and the heads.
        chain: id of the tenant, or the platform's.
    """
    # Read before the chain: a record that comes in between makes the chain longer than the head, never shorter.
    head = writer.heads.read(chain)
    walk = writer.walk(chain)
    while rows := await transaction.fetch(_SQL["chain"], chain, walk.seq, _PAGE):
        if not walk.take(rows, dict([head]) if head else {}):
            break
    if walk.fault is None and head is not None and walk.seq < head[0]:
        walk.fault = (walk.seq + 1, "the end of the chain was cut off")
    if walk.fault is None:
        return Verification(ok=True, records=walk.seq)
    return Verification(ok=False, records=walk.seq, broken_at=walk.fault[0], reason=walk.fault[1])
