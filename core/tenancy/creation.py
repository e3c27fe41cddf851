"""What a tenant has of its own when it is new, made in steps."""

from __future__ import annotations

from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.run.folder import RunFolder
from core.tenancy.provision import make_database, make_role, make_schemas
from core.tenancy.roles import ADMIN_ROLE, PLATFORM_PERMISSIONS, ROLE_TEMPLATES
from core.tenancy.steps import Steps
from core.tenancy.stores import DataStores, database_of, role_of

_SQL = load_queries("core.tenancy")


class Creation:
    """Makes what a registered tenant needs before it can be active.

    Args:
        platform: platform database under row-level security.
        stores: decide where the tenant's database goes.
        run: keeps the password of the tenant's role.
        connection_limit: of the tenant's database.
    """

    def __init__(self, platform: Database, stores: DataStores, run: RunFolder, connection_limit: int) -> None:
        self._platform = platform
        self._stores = stores
        self._run = run
        self._connection_limit = connection_limit

    async def run(self, scope: TenantScope, server: str | None) -> None:
        """Every step that is not done; see `DataStores.place` for `server`."""
        steps = Steps(self._platform, scope, "create")
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

    async def _seed_roles(self, scope: TenantScope) -> None:
        async with self._platform.transaction(scope.id) as transaction:
            for code, name in ROLE_TEMPLATES.items():
                await transaction.execute(_SQL["seed_role"], scope.id, code, name)
            for permission in PLATFORM_PERMISSIONS:
                await transaction.execute(_SQL["seed_permission"], scope.id, ADMIN_ROLE, permission)
