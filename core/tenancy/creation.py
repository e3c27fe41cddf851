"""What a tenant has of its own when it is new, made in steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core.audit import Actor
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.run.folder import RunFolder
from core.tenancy.provision import make_database, make_role, make_schemas
from core.tenancy.registry import USABLE, Registry
from core.tenancy.roles import ADMIN_ROLE, PLATFORM_PERMISSIONS, ROLE_TEMPLATES
from core.tenancy.slug import check_name, check_slug
from core.tenancy.steps import Steps
from core.tenancy.stores import DataStores, database_of, role_of

_SQL = load_queries("core.tenancy")
Furnish = Callable[[TenantScope], Awaitable[object]]
"""Gives a tenant what rooms above this one know of; may be repeated."""


class Creation:
    """Makes tenants; running it again finishes what a crash left undone.

    Args:
        registry: where they are noted.
        stores: decide where the tenant's database goes.
        run: keeps the password of the tenant's role.
        connection_limit: of the tenant's database.
    """

    def __init__(self, registry: Registry, stores: DataStores, run: RunFolder, connection_limit: int) -> None:
        self._registry = registry
        self._stores = stores
        self._run = run
        self._connection_limit = connection_limit
        # A creation holds one connection for its lock and works on others: one at a time, or they wait for each other.
        self._creating = asyncio.Lock()

    async def create(
        self, slug: str, name: str, *, actor: Actor, server: str | None = None, furnish: Furnish | None = None
    ) -> TenantScope:
        """Make a tenant with its own role and database; see `Tenancy.create`."""
        check_slug(slug)
        check_name(name)
        if server is not None:
            self._stores.check_server(server)
        known = await self._registry.in_any_state(slug)
        if known is not None and known[1] in USABLE:
            await _furnish(known[0], furnish)
            return known[0]
        async with self._creating, self._registry.platform.transaction() as lock:
            await lock.execute(_SQL["lock_tenant"], slug)
            scope, status = await self._entered(slug, name.strip(), actor)
            if status == "provisioning":
                await self.run(scope, server)
                await _furnish(scope, furnish)
                await self._open(scope, actor)
            elif status not in USABLE:
                raise InputError(
                    f"a tenant of that slug is {status}",
                    received=slug,
                    next_step="let that finish, or run it again if it was cut off",
                )
        return scope

    async def run(self, scope: TenantScope, server: str | None) -> None:
        """Every step that is not done; see `DataStores.place` for `server`."""
        steps = Steps(self._registry.platform, scope, "create")
        await self.make_store(steps, scope, server)
        store = await self._stores.of_tenant(scope)
        await steps.run("schemas", lambda: make_schemas(store, self._stores.server(store)))
        await steps.run("roles", lambda: self._seed_roles(scope))

    async def make_store(self, steps: Steps, scope: TenantScope, server: str | None) -> None:
        """An empty database with its role; see `DataStores.place` for `server`."""
        await steps.run("store", lambda: self._stores.place(scope, database_of(scope), role_of(scope), server))
        store = await self._stores.of_tenant(scope)
        there = self._stores.server(store)
        await steps.run("role", lambda: make_role(store, self._run, there))
        await steps.run("database", lambda: make_database(store, there, self._connection_limit))

    async def _entered(self, slug: str, name: str, actor: Actor) -> tuple[TenantScope, str]:
        """The tenant's row, made unless it is there, with its state."""
        async with self._registry.admin.open(actor, f"make tenant {slug}") as admin:
            await admin.execute(_SQL["add_tenant"], slug, name)
        entered = await self._registry.in_any_state(slug)
        if entered is None:
            raise NotFoundError("the tenant was removed while it was made", received=slug)
        return entered

    async def _seed_roles(self, scope: TenantScope) -> None:
        async with self._registry.platform.transaction(scope.id) as transaction:
            for code, name in ROLE_TEMPLATES.items():
                await transaction.execute(_SQL["seed_role"], scope.id, code, name)
            for permission in PLATFORM_PERMISSIONS:
                await transaction.execute(_SQL["seed_permission"], scope.id, ADMIN_ROLE, permission)

    async def _open(self, scope: TenantScope, actor: Actor) -> None:
        async with self._registry.admin.open(actor, f"finish tenant {scope.slug}") as admin:
            await admin.execute(_SQL["finish_tenant"], scope.id)
            self._registry.audit.note(admin, scope, actor, "tenant.create", scope.slug, after={"name": scope.name})


async def _furnish(scope: TenantScope, furnish: Furnish | None) -> None:
    if furnish is not None:
        await furnish(scope)
