"""The states a tenant passes through while it comes or goes; each change together with its record."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from core.audit import Actor
from core.audit.imported import ACTION
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import InputError, TerminalError
from core.tenancy.moving.manifest import ExportedTenant
from core.tenancy.slug import check_slug
from core.tenancy.tenancy import Tenancy

_SQL = load_queries("core.tenancy.moving", "passages.sql")
_STATES = ("active", "suspended")


class Passages:
    """Registers tenants that come and strikes out tenants that go."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    @asynccontextmanager
    async def alone(self, slug: str) -> AsyncGenerator[None]:
        """Be the only one that moves tenants of a slug, for a block; a second command waits."""
        async with self._tenancy.platform.transaction() as lock:
            await lock.execute(_SQL["lock_moving"], slug)
            yield

    async def begin_import(self, tenant: ExportedTenant, actor: Actor) -> TenantScope:
        """Register a tenant that is about to be brought in: nobody sees it yet.

        Raises:
            InputError: slug or id are taken, or the state is none a tenant can be exported in.
        """
        check_slug(tenant.slug)
        if tenant.status not in _STATES:
            raise InputError("not a state of a tenant", expected=" or ".join(_STATES), received=tenant.status)
        if await self._tenancy.in_any_state(tenant.slug) is None:
            await self._refuse_twin(tenant.id, tenant.slug)
            created_at = datetime.fromisoformat(tenant.created_at)
            async with self._tenancy.admin.open(actor, f"register tenant {tenant.slug} for import") as admin:
                row = (tenant.id, tenant.slug, tenant.name, created_at)
                made = await admin.fetchval(_SQL["register"], *row)
            if made:
                return await self._registered(tenant.slug)
        raise InputError("a tenant of that slug is here", received=tenant.slug, next_step="platform tenants list")

    async def _registered(self, slug: str) -> TenantScope:
        known = await self._tenancy.in_any_state(slug)
        if known is None:
            raise TerminalError("the tenant was removed while it was imported", where=slug)
        return known[0]

    async def _refuse_twin(self, tenant_id: UUID, slug: str) -> None:
        async with self._tenancy.platform.transaction(tenant_id, readonly=True) as transaction:
            twin = await transaction.fetchval(_SQL["slug_of_own"])
        if twin is not None:
            raise InputError("this very tenant is here under another slug", expected=slug, received=twin)

    async def finish_import(self, scope: TenantScope, status: str, after: object, actor: Actor) -> None:
        """Show the tenant to the world."""
        async with self._tenancy.admin.open(actor, f"finish the import of tenant {scope.slug}") as admin:
            if await admin.fetchval(_SQL["finish_import"], scope.id, status) is None:
                raise TerminalError("the tenant was removed while it was imported", where=scope.slug)
            self._tenancy.audit.note(admin, scope, actor, ACTION, scope.slug, after=after)

    async def abandon_import(self, scope: TenantScope, actor: Actor) -> None:
        """Strike a tenant out that nobody ever saw."""
        async with self._tenancy.admin.open(actor, f"abandon the import of tenant {scope.slug}") as admin:
            await admin.execute(_SQL["strike_out"], scope.id)

    async def begin_removal(self, scope: TenantScope, before: str, actor: Actor) -> None:
        """Shut everybody out for good; nothing to do for a removal that was cut off behind it."""
        if before == "removing":
            return
        async with self._tenancy.admin.open(actor, f"begin to remove tenant {scope.slug}") as admin:
            await admin.execute(_SQL["begin_removal"], scope.id)
            self._tenancy.audit.note(admin, scope, actor, "tenant.set_status", scope.slug, before, "removing")

    async def finish_removal(self, scope: TenantScope, actor: Actor) -> None:
        """Strike the tenant out; that it was there and was removed stays in its own chain and in the platform's."""
        async with self._tenancy.admin.open(actor, f"remove tenant {scope.slug}") as admin:
            await admin.execute(_SQL["strike_out"], scope.id)
            before = {"id": str(scope.id), "name": scope.name}
            self._tenancy.audit.note(admin, scope, actor, "tenant.remove", scope.slug, before=before)
            self._tenancy.admin.note(admin, actor, "tenant.remove", scope.slug, before=before)
