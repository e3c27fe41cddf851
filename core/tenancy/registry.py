"""Which tenants there are and whether they are served; the only place where scopes come from."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.audit import Actor, AdminDoor, Audit
from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.errors import DeniedError, NotFoundError

_SQL = load_queries("core.tenancy")
USABLE = ("active", "suspended")
"""States of a tenant that is whole; in every other it is being made, brought in or removed."""


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A line of the operator's list."""

    slug: str
    name: str
    status: str
    sites: int


class InactiveTenantError(DeniedError):
    """The key or token is right, but its tenant is suspended or about to be removed."""

    def __init__(self) -> None:
        super().__init__("the tenant is not active")


class Registry:
    """The tenants in the platform database.

    Attributes:
        platform: platform database under row-level security: sees what `transaction(tenant_id)` names, else nothing.
        admin: the door to all tenants at once; demands who and what for.
        audit: the log of every change.
    """

    def __init__(self, platform: Database, admin: AdminDoor, audit: Audit) -> None:
        self.platform = platform
        self.admin = admin
        self.audit = audit

    async def get(self, slug: str) -> TenantScope:
        """A tenant by its slug.

        Raises:
            NotFoundError: there is none.
        """
        row = await self.platform.fetchrow(_SQL["find_tenant"], slug)
        if row is None:
            raise NotFoundError("no such tenant", received=slug, next_step="platform tenants list")
        return _scope(row)

    async def in_any_state(self, slug: str) -> tuple[TenantScope, str] | None:
        """A tenant with its state, also one that is half made, half imported or half removed; None if there is none."""
        row = await self.platform.fetchrow(_SQL["tenant_in_any_state"], slug)
        return None if row is None else (_scope(row), row["status"])

    async def list(self) -> list[TenantScope]:
        """Every tenant, by slug."""
        return [_scope(row) for row in await self.platform.fetch(_SQL["list_tenants"])]

    async def overview(self, *, actor: Actor) -> builtins.list[TenantLine]:
        """Every tenant in every state, by slug: the operator's list."""
        async with self.admin.open(actor, "list tenants") as admin:
            return [TenantLine(**row) for row in await admin.fetch(_SQL["overview"])]

    async def active(self, tenant_id: UUID) -> TenantScope:
        """A tenant by id, for those who have proven that they belong to it.

        Raises:
            InactiveTenantError: it does not exist or is suspended.
        """
        row = await self._tenant(tenant_id)
        if row is None or row["status"] != "active":
            raise InactiveTenantError
        return _scope(row)

    async def active_tenants(self) -> builtins.list[TenantScope]:
        """Tenants that are served now; a process that serves them asks again and again."""
        return [_scope(row) for row in await self.platform.fetch(_SQL["list_tenants"]) if row["status"] == "active"]

    async def status(self, scope: TenantScope) -> str:
        """`active` or `suspended`."""
        row = await self._tenant(scope.id)
        if row is None:
            raise NotFoundError("no such tenant", received=scope.slug)
        return str(row["status"])

    async def suspend(self, scope: TenantScope, *, actor: Actor) -> None:
        """Shut a tenant out: tokens and bridge keys stop working, data stays."""
        await self._set_status(scope, actor, "suspended")

    async def resume(self, scope: TenantScope, *, actor: Actor) -> None:
        """Let a suspended tenant in again."""
        await self._set_status(scope, actor, "active")

    async def _tenant(self, tenant_id: UUID) -> dict[str, Any] | None:
        async with self.platform.transaction(tenant_id, readonly=True) as transaction:
            return await transaction.fetchrow(_SQL["own_tenant"])

    async def _set_status(self, scope: TenantScope, actor: Actor, status: str) -> None:
        async with self.admin.open(actor, f"set tenant {scope.slug} {status}") as admin:
            before = await admin.fetchval(_SQL["set_status"], scope.id, status)
            if before is None:
                raise NotFoundError("no such tenant", received=scope.slug)
            self.audit.note(admin, scope, actor, "tenant.set_status", scope.slug, before, status)


def _scope(row: dict[str, Any]) -> TenantScope:
    return TenantScope(id=row["id"], slug=row["slug"], name=row["name"])
