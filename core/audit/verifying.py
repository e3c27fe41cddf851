"""Recomputing chains and holding them against the heads outside the database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.audit.writer import Writer
from core.db import Transaction
from core.db.queries import load_queries
from core.errors import TerminalError

_SQL = load_queries("core.audit")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Verification:
    """What walking a chain found.

    Attributes:
        chain: id of the tenant, or `PLATFORM_CHAIN`.
        records: intact records, from the first.
        broken_at: position of the first broken link; None where the links hold and the noted head is no use.
        reason: what is wrong.
        imported: records in copies of chains that came along from other installations; not recomputed, but the ones
            that were imported.
        anchored: a head was noted outside the database; without one, records cut off at the end are not missed.
    """

    chain: UUID
    records: int
    broken_at: int | None = None
    reason: str | None = None
    imported: int = 0
    anchored: bool = True

    def __str__(self) -> str:
        place = "" if self.broken_at is None else f" at record {self.broken_at}"
        return "intact" if self.ok else f"BROKEN{place}: {self.reason}"

    @property
    def ok(self) -> bool:
        """Whether every record is as it was written and none is missing."""
        return self.reason is None


async def verify_chain(transaction: Transaction, writer: Writer, chain: UUID) -> Verification:
    """Walk one chain from its first record.

    Args:
        transaction: sees the chain, by its tenant or as the administrator.
        writer: holds the key and the heads.
        chain: id of the tenant, or the platform's.
    """
    # Read before the chain: a record that comes in between makes the chain longer than the head, never shorter.
    head, unreadable = None, None
    try:
        head = writer.heads.read(chain)
    except TerminalError as error:
        unreadable = str(error)
    walk = writer.walk(chain)
    imported = 0
    while rows := await transaction.fetch(_SQL["chain"], chain, walk.seq, _PAGE):
        if not walk.take(rows, dict([head]) if head else {}):
            break
        for row in rows:
            records, wrong = writer.imported.check(chain, row)
            imported += records
            if wrong is not None and walk.fault is None:
                walk.fault = (row["seq"], wrong)
        if walk.fault is not None:
            break
    if walk.fault is None and head is not None and walk.seq < head[0]:
        walk.fault = (walk.seq + 1, "the end of the chain was cut off")
    broken_at, reason = walk.fault or (None, unreadable)
    return Verification(chain, walk.seq, broken_at, reason, imported, anchored=head is not None)


async def chains(transaction: Transaction, writer: Writer) -> list[UUID]:
    """Every chain there is or, by the heads outside, was: one that vanished as a whole is found missing too.

    Args:
        transaction: of the administrator.
        writer: holds the heads.
    """
    found = {row["chain"] for row in await transaction.fetch(_SQL["chains"])}
    return sorted(found | writer.heads.chains())
