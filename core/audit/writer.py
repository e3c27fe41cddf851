"""Adds records to chains; holds the key, which never enters the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.audit.chain import GENESIS, PLATFORM_CHAIN, Walk, mac_of
from core.audit.heads import Heads
from core.audit.imported import ImportedChains
from core.db import Database, Transaction
from core.db.queries import load_queries
from core.errors import TerminalError
from core.log import get_logger
from core.run.folder import RunFolder

_SQL = load_queries("core.audit")
_log = get_logger("audit")


class Writer:
    """One an installation: its key, the heads it exported and the chains it took over."""

    def __init__(self, key: bytes, heads: Heads, imported: ImportedChains) -> None:
        self._key = key
        self.heads = heads
        self.imported = imported

    @classmethod
    def of(cls, run: RunFolder) -> Writer:
        """With the key and the heads of a run folder."""
        folder = run.path / "audit"
        return cls(run.secret("audit_key").encode(), Heads(folder), ImportedChains(folder))

    def walk(self, chain: UUID) -> Walk:
        """A walk along a chain, from its first record."""
        return Walk(self._key, chain)

    async def write(self, database: Database, tenant_id: UUID | None, entry: Mapping[str, Any]) -> int:
        """Add a record in a transaction of its own; durable, and its head exported, when this returns."""
        async with database.transaction(tenant_id) as transaction:
            seq, mac = await self._append(transaction, tenant_id, entry)
        self._export(tenant_id or PLATFORM_CHAIN, seq, mac)
        return seq

    def leave(self, transaction: Transaction, tenant_id: UUID | None, entry: Mapping[str, Any]) -> None:
        """Add a record when the transaction commits: the chain is locked for no longer than that takes."""

        async def append() -> Callable[[], None]:
            seq, mac = await self._append(transaction, tenant_id, entry)
            return lambda: self._export(tenant_id or PLATFORM_CHAIN, seq, mac)

        transaction.at_commit(append)

    def _export(self, chain: UUID, seq: int, mac: str) -> None:
        """Note a head of what is durable already: that it cannot be noted must not look as if nothing had happened.

        The next head covers this one; until then, verifying does not miss records cut off behind the one before.
        """
        try:
            self.heads.export(chain, seq, mac)
        except (OSError, TerminalError) as error:
            _log.error("audit head was not exported", action="audit", chain=str(chain), seq=seq, reason=str(error))

    async def _append(
        self, transaction: Transaction, tenant_id: UUID | None, entry: Mapping[str, Any]
    ) -> tuple[int, str]:
        chain = tenant_id or PLATFORM_CHAIN
        await transaction.execute(_SQL["lock_chain"], chain)
        head = await transaction.fetchrow(_SQL["head"], chain)
        seq, previous = (head["seq"] + 1, head["mac"]) if head else (1, GENESIS)
        at = datetime.now(UTC)
        mac = mac_of(self._key, chain, seq, at, entry, previous)
        await transaction.execute(_SQL["add"], tenant_id, seq, at, *entry.values(), previous, mac)
        return seq, mac
