"""Who a member is and what they may do now, from the database, remembered for a few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from core.db import TenantScope
from core.db.queries import load_queries
from core.tenancy import Tenancy

_SQL = load_queries("core.identity")
REMEMBERED_S = 2.0
"""Longest time in which a permission that was taken away still works."""
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A member as things stand."""

    tenant: TenantScope
    email: str
    name: str
    role_version: int
    permissions: frozenset[str]


class Standings:
    """The short memory in front of the membership tables."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._known: dict[tuple[UUID, UUID], tuple[float, Standing]] = {}

    async def of(self, tenant_id: UUID, person_id: UUID, role_version: int) -> Standing | None:
        """A member's standing, None without membership.

        Args:
            tenant_id: from a verified token.
            person_id: from the same token.
            role_version: of the token: a newer one than remembered makes this ask again at once.

        Raises:
            DeniedError: the tenant is not active.
        """
        key = (tenant_id, person_id)
        at, known = self._known.get(key, (0.0, None))
        if known is not None and time.monotonic() - at < REMEMBERED_S and known.role_version >= role_version:
            return known
        self._known.pop(key, None)
        tenant = await self._tenancy.active(tenant_id)
        async with self._tenancy.platform.transaction(tenant.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["member"], tenant.id, person_id)
        if row is None:
            return None
        found = Standing(tenant, row["email"], row["name"], row["role_version"], frozenset(row["permissions"]))
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (time.monotonic(), found)
        return found

    def forget(self, tenant_id: UUID) -> None:
        """Drop what is remembered of a tenant's members: this process has just changed it."""
        for key in [key for key in self._known if key[0] == tenant_id]:
            del self._known[key]
