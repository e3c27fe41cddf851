"""What tenants have agreed to: nothing of a tenant goes into what others see without a consent on record."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from core.audit import Actor, Audit
from core.db import Database, TenantScope
from core.db.queries import load_queries

_SQL = load_queries("core.tenancy", "consents.sql")


class Purpose(StrEnum):
    """What a tenant can agree to; the table's own check knows the same words."""

    FLEET = "fleet"
    """Its figures count in aggregates over many tenants, which all who agreed may read."""


class Consents:
    """Consents in force, under row-level security; each change commits together with its audit record."""

    def __init__(self, platform: Database, audit: Audit) -> None:
        self._platform = platform
        self._audit = audit

    async def grant(self, scope: TenantScope, purpose: Purpose, *, actor: Actor) -> bool:
        """Record a consent; False if it was in force already, and then nothing is recorded."""
        return await self._change("grant_consent", scope, purpose, actor)

    async def withdraw(self, scope: TenantScope, purpose: Purpose, *, actor: Actor) -> bool:
        """End a consent; False if there was none, and then nothing is recorded."""
        return await self._change("withdraw_consent", scope, purpose, actor)

    async def of(self, scope: TenantScope) -> dict[Purpose, datetime]:
        """What a tenant agrees to, and since when."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            return {Purpose(row["purpose"]): row["granted_at"] for row in await transaction.fetch(_SQL["consents"])}

    async def among(self, scopes: Iterable[TenantScope], purpose: Purpose) -> list[TenantScope]:
        """Those of some tenants that agree, each asked as itself."""
        return [scope for scope in scopes if purpose in await self.of(scope)]

    async def _change(self, query: str, scope: TenantScope, purpose: Purpose, actor: Actor) -> bool:
        async with self._platform.transaction(scope.id) as transaction:
            changed = await transaction.fetchval(_SQL[query], scope.id, purpose.value) is not None
            if changed:
                self._audit.note(transaction, scope, actor, f"tenant.{query}", purpose.value)
        return changed
