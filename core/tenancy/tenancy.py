"""Tenants with all that each has of its own: the face of this room."""

from __future__ import annotations

import builtins
from pathlib import Path
from uuid import UUID

from core.audit import Actor, AdminDoor, Audit
from core.audit.writer import Writer
from core.contracts.data_contract import DataContract
from core.contracts.site import SiteFile
from core.db import Database, Pools, TenantScope
from core.db.roles import APP, PLATFORM
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy.bridges import BridgeIdentity, BridgeRecord, Bridges, BridgeStanding
from core.tenancy.consents import Consents
from core.tenancy.creation import Creation, Furnish
from core.tenancy.domains import Domains
from core.tenancy.fleet import Fleet
from core.tenancy.module_roles import ensure_module_role
from core.tenancy.notices import Notices
from core.tenancy.registry import Registry
from core.tenancy.sites import RegisteredSite, SiteRegistry
from core.tenancy.stores import DataStores, database_of

_SESSION = {"hnsw.iterative_scan": "strict_order"}
"""Without it an index on vectors, filtered, gives fewer rows than there are."""


class Tenancy(Registry):
    """The registry of tenants, their sites and their databases; lives in one event loop.

    Attributes:
        pools: connections to the tenants' own databases.
        stores: where those are.
        domains: e-mail domains that lead to tenants.
        consents: what tenants have agreed to.
        creation: makes what a new tenant has of its own.
        fleet: how their bridges are, and who is told.
        notices: what their administrators are told while it lasts.
    """

    def __init__(
        self,
        run: RunFolder,
        postgres: Postgres,
        settings: Settings,
        platform: Database,
        admin: AdminDoor,
        audit: Audit,
    ) -> None:
        super().__init__(platform, admin, audit)
        self._run = run
        self.stores = DataStores.of(platform, run, postgres, settings)
        self.creation = Creation(self, self.stores, run, settings.tenancy.connection_limit)
        self.domains = Domains(platform, audit)
        self.consents = Consents(platform, audit)
        self.pools = Pools(
            settings.tenancy.open_pools,
            connections=settings.tenancy.pool_connections,
            idle_s=settings.tenancy.pool_idle_s,
            server_settings=_SESSION,
        )
        self._databases: dict[UUID, Database] = {}
        self.fleet = Fleet(platform, settings.gateway)
        self.notices = Notices(platform)
        self._bridges = Bridges(platform, run, audit)
        self._sites = SiteRegistry(platform, self._bridges, audit)

    @classmethod
    async def open(cls, run: RunFolder, postgres: Postgres, settings: Settings) -> Tenancy:
        """Connect to the platform database of an installation that `init_platform` has prepared."""
        platform, writer = await Database.open(postgres.dsn(PLATFORM, APP)), Writer.of(run)
        return cls(run, postgres, settings, platform, await AdminDoor.of(postgres, writer), Audit(platform, writer))

    async def close(self) -> None:
        """Close every connection this object opened."""
        await self.pools.close()
        for database in (*self._databases.values(), self.platform, self.admin):
            await database.close()
        self._databases.clear()

    async def __aenter__(self) -> Tenancy:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def create(
        self, slug: str, name: str, *, actor: Actor, server: str | None = None, furnish: Furnish | None = None
    ) -> TenantScope:
        """Make a tenant with its own role and database; running it again finishes what a crash left undone.

        A tenant that exists is returned as it is, its name unchanged.

        Args:
            slug: short name, for ever.
            name: as people read it.
            actor: who makes it.
            server: where its database goes; see `DataStores.place`.
            furnish: gives it what else it must have, before anybody is let in; done again for a tenant that exists.

        Raises:
            InputError: the slug is not one, the name is empty, there is no such server, or a tenant of that slug is
                being imported or removed.
        """
        return await self.creation.create(slug, name, actor=actor, server=server, furnish=furnish)

    async def register_site(
        self, scope: TenantScope, site: SiteFile, contract: DataContract, *, actor: Actor
    ) -> RegisteredSite:
        """Store a site, put its contract in force and make its bridge; may be repeated.

        A new bridge's key is written to `bridge_key_file(scope, site)` once; the platform keeps its hash.

        Raises:
            InputError: the site file names another tenant, or the contract does not fit the site.
        """
        return await self._sites.register(scope, site, contract, actor=actor)

    async def sites(self, scope: TenantScope) -> builtins.list[RegisteredSite]:
        """A tenant's sites, by name."""
        return await self._sites.all(scope)

    async def sites_with_history(self, scope: TenantScope) -> builtins.list[RegisteredSite]:
        """The same with the contracts that were in force before, and the sites as they were then."""
        return await self._sites.with_history(scope)

    async def contract_by_hash(self, scope: TenantScope, site: str, sha256: str) -> DataContract | None:
        """A contract of a site, in force or superseded; None if the platform never saw it."""
        return await self._sites.contract(scope, site, sha256)

    async def bridges(self, scope: TenantScope) -> builtins.list[BridgeRecord]:
        """A tenant's bridges."""
        return await self._bridges.all(scope)

    async def bridge_standings(self, scope: TenantScope) -> dict[str, BridgeStanding]:
        """Key and contract that hold for each of a tenant's bridges now."""
        return await self._bridges.standings(scope)

    async def bridge_seen(self, scope: TenantScope, bridge_id: str, incarnation: str | None = None) -> None:
        """Note a bridge's sign of life and which outbox it uses."""
        await self.fleet.seen(scope, bridge_id, incarnation)

    async def bridge_key_file(self, scope: TenantScope, site: str) -> Path:
        """Where the key of a site's bridge was written."""
        return self._run.secrets / await self._bridges.key_file(scope, site)

    async def replace_bridge_key(self, scope: TenantScope, site: str, *, actor: Actor) -> Path:
        """Give a site's bridge a new key, for one that was lost or leaked."""
        return self._run.secrets / await self._bridges.replace_key(scope, site, actor=actor)

    async def bridge_of_key(self, key: str) -> BridgeIdentity:
        """Who holds a bridge key.

        Raises:
            DeniedError: nobody does.
            InactiveTenantError: somebody does, whose tenant is not active.
        """
        row = await self._bridges.of_key(key)
        return BridgeIdentity(await self.active(row["tenant_id"]), row["bridge_id"], row["site"])

    async def dsn(self, scope: TenantScope) -> str:
        """DSN of a tenant's database under the tenant's own role; carries a password, so never log it."""
        return await self.stores.dsn(scope)

    async def module_role(self, scope: TenantScope, schema: str) -> str:
        """The role a module's own SQL runs as in a tenant's database, made if there is none; it cannot sign in."""
        store = await self.stores.of_tenant(scope)
        return await ensure_module_role(scope, schema, store, self.stores.server(store))

    async def database(self, scope: TenantScope) -> Database:
        """A tenant's database under the tenant's own role; connections open on demand and close when idle."""
        if scope.id not in self._databases:

            async def dsn() -> str:
                return await self.stores.dsn(scope)

            self._databases[scope.id] = self.pools.database(database_of(scope), dsn, vectors=True)
        return self._databases[scope.id]

    async def forget(self, scope: TenantScope) -> None:
        """Let go of a tenant's database, because it goes or has just come."""
        database = self._databases.pop(scope.id, None)
        if database is not None:
            await database.close()
