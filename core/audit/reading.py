"""Reading the log: what was recorded, by time, actor, action, target, outcome and request."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.audit.record import AuditRecord
from core.db import Transaction
from core.db.queries import load_queries

_SQL = load_queries("core.audit")
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What to leave out; nothing, where a field is None. `*` stands for any text.

    Attributes:
        chain: id of a tenant, or `PLATFORM_CHAIN`.
        since: first moment.
        until: first moment after.
        action: `tenant.*`.
        actor: a name, the user an agent acted for, or kind and name, `agent:*`.
        target: of what.
        outcome: exactly.
        request_id: exactly.
    """

    chain: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    action: str | None = None
    actor: str | None = None
    target: str | None = None
    outcome: str | None = None
    request_id: str | None = None

    def arguments(self) -> tuple[object, ...]:
        """In the order of the queries."""
        patterns = (_pattern(self.action), _pattern(self.target))
        exact = (self.outcome, self.request_id)
        return (self.chain, self.since, self.until, *patterns, *exact, _pattern(self.actor))


def _pattern(text: str | None) -> str | None:
    if text is None:
        return None
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text.replace("*", "%")


async def newest(transaction: Transaction, filters: Filters, limit: int) -> list[AuditRecord]:
    """The newest records that pass, newest first."""
    rows = await transaction.fetch(_SQL["newest"], *filters.arguments(), limit)
    return [AuditRecord.of_row(row) for row in rows]


async def oldest(transaction: Transaction, filters: Filters) -> AsyncGenerator[AuditRecord]:
    """Every record that passes, oldest first, a page in memory at a time."""
    after: tuple[object, ...] = (None, None, None)
    while rows := await transaction.fetch(_SQL["oldest"], *filters.arguments(), _PAGE, *after):
        for row in rows:
            yield AuditRecord.of_row(row)
        after = (rows[-1]["at"], rows[-1]["chain"], rows[-1]["seq"])
