"""Who a member is and what they may do now, from the database, remembered for a few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from core.db import TenantScope
from core.db.queries import load_queries
from core.identity.tokens import Claims
from core.tenancy import Tenancy

_SQL = load_queries("core.identity")
REMEMBERED_S = 2.0
"""Longest time in which a permission that was taken away, or a session that was ended, still works."""
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """A member as things stand."""

    tenant: TenantScope
    email: str
    name: str
    method: str
    role_version: int
    admin: bool
    permissions: frozenset[str]


class Standings:
    """The short memory in front of memberships and sessions."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._known: dict[tuple[UUID, UUID, UUID], tuple[float, Standing]] = {}

    async def of(self, claims: Claims) -> Standing | None:
        """How things stand with the member a token speaks of; None without membership or session.

        Args:
            claims: of a verified token; a newer role version than remembered makes this ask again at once.

        Raises:
            DeniedError: the tenant is not active.
        """
        key = (claims.tenant_id, claims.session_id, claims.person_id)
        at, known = self._known.get(key, (0.0, None))
        if known is not None and time.monotonic() - at < REMEMBERED_S and known.role_version >= claims.role_version:
            return known
        self._known.pop(key, None)
        tenant = await self._tenancy.active(claims.tenant_id)
        async with self._tenancy.platform.transaction(tenant.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["member"], tenant.id, claims.person_id, claims.session_id)
        if row is None:
            return None
        row["permissions"] = frozenset(row["permissions"])
        found = Standing(tenant=tenant, **row)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (time.monotonic(), found)
        return found

    def forget(self, tenant_id: UUID) -> None:
        """Drop what is remembered of a tenant's members: this process has just changed it."""
        for key in [key for key in self._known if key[0] == tenant_id]:
            del self._known[key]
