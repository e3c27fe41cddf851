"""The registry of tenants, and the only place where scopes come from."""

from __future__ import annotations

import asyncio
import builtins
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from core.audit import Actor, AdminDoor, Audit
from core.audit.writer import Writer
from core.contracts.data_contract import DataContract
from core.contracts.site import SiteFile
from core.db import Database, Pools, TenantScope
from core.db.queries import load_queries
from core.db.roles import APP, PLATFORM
from core.errors import DeniedError, InputError, NotFoundError
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy.creation import Creation
from core.tenancy.domains import Domains
from core.tenancy.fleet import Fleet
from core.tenancy.keys import matches, prefix_of
from core.tenancy.module_roles import ensure_module_role
from core.tenancy.sites import BridgeRecord, RegisteredSite, SiteRegistry
from core.tenancy.stores import DataStores, database_of

_SQL = load_queries("core.tenancy")
_SESSION = {"hnsw.iterative_scan": "strict_order"}
"""Without it an index on vectors, filtered, gives fewer rows than there are."""
_SLUG = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")
_LONGEST_NAME = 200
_USABLE = ("active", "suspended")


@dataclass(frozen=True, slots=True)
class BridgeIdentity:
    """Who holds a bridge key."""

    tenant: TenantScope
    bridge_id: str
    site: str


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


class Tenancy:
    """Over the platform database; lives in one event loop.

    Attributes:
        platform: platform database under row-level security: sees what `transaction(tenant_id)` names, else nothing.
        audit: the log of every change this class makes.
        pools: connections to the tenants' own databases.
        admin: the door to all tenants at once; demands who and what for.
        stores: where those are.
        domains: e-mail domains that lead to tenants.
        creation: makes what a new tenant has of its own.
        fleet: how their bridges are, and who is told.
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
        self._run = run
        self.admin = admin
        self.stores = DataStores.of(platform, run, postgres, settings)
        self.creation = Creation(platform, self.stores, run, settings.tenancy.connection_limit)
        self.domains = Domains(platform, audit)
        self.pools = Pools(
            settings.tenancy.open_pools,
            connections=settings.tenancy.pool_connections,
            idle_s=settings.tenancy.pool_idle_s,
            server_settings=_SESSION,
        )
        self._databases: dict[UUID, Database] = {}
        # A creation holds one connection for its lock and works on others: one at a time, or they wait for each other.
        self._creating = asyncio.Lock()
        self.platform = platform
        self.audit = audit
        self.fleet = Fleet(platform, settings.gateway)
        self._sites = SiteRegistry(platform, run, audit)

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

    async def create(self, slug: str, name: str, *, actor: Actor, server: str | None = None) -> TenantScope:
        """Make a tenant with its own role and database; running it again finishes what a crash left undone.

        A tenant that exists is returned as it is, its name unchanged.

        Args:
            slug: short name, for ever.
            name: as people read it.
            actor: who makes it.
            server: where its database goes; see `DataStores.place`.

        Raises:
            InputError: the slug is not one, the name is empty, there is no such server, or a tenant of that slug is
                being imported or removed.
        """
        check_slug(slug)
        _check_name(name)
        if server is not None:
            self.stores.check_server(server)
        known = await self.platform.fetchrow(_SQL["tenant_in_any_state"], slug)
        if known is not None and known["status"] in _USABLE:
            return _scope(known)
        async with self._creating, self.platform.transaction() as lock:
            await lock.execute(_SQL["lock_tenant"], slug)
            async with self.admin.open(actor, f"make tenant {slug}") as admin:
                await admin.execute(_SQL["add_tenant"], slug, name.strip())
            row = await self.platform.fetchrow(_SQL["tenant_in_any_state"], slug)
            if row is None:
                raise NotFoundError("the tenant was removed while it was made", received=slug)
            scope = _scope(row)
            if row["status"] == "provisioning":
                await self.creation.run(scope, server)
                async with self.admin.open(actor, f"finish tenant {slug}") as admin:
                    await admin.execute(_SQL["finish_tenant"], scope.id)
                    self.audit.note(admin, scope, actor, "tenant.create", slug, after={"name": scope.name})
            elif row["status"] not in _USABLE:
                raise InputError(
                    f"a tenant of that slug is {row['status']}",
                    received=slug,
                    next_step="let that finish, or run it again if it was cut off",
                )
        return scope

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

    async def _tenant(self, tenant_id: UUID) -> dict[str, Any] | None:
        async with self.platform.transaction(tenant_id, readonly=True) as transaction:
            return await transaction.fetchrow(_SQL["own_tenant"])

    async def suspend(self, scope: TenantScope, *, actor: Actor) -> None:
        """Shut a tenant out: tokens and bridge keys stop working, data stays."""
        await self._set_status(scope, actor, "suspended")

    async def resume(self, scope: TenantScope, *, actor: Actor) -> None:
        """Let a suspended tenant in again."""
        await self._set_status(scope, actor, "active")

    async def _set_status(self, scope: TenantScope, actor: Actor, status: str) -> None:
        async with self.admin.open(actor, f"set tenant {scope.slug} {status}") as admin:
            before = await admin.fetchval(_SQL["set_status"], scope.id, status)
            if before is None:
                raise NotFoundError("no such tenant", received=scope.slug)
            self.audit.note(admin, scope, actor, "tenant.set_status", scope.slug, before, status)

    async def register_site(
        self, scope: TenantScope, site: SiteFile, contract: DataContract, *, actor: Actor
    ) -> RegisteredSite:
        """Store a site, put its contract in force and make its bridge; may be repeated.

        A new bridge's key is written to `bridge_key_file(scope, site)` once; the platform keeps its hash.

        Raises:
            InputError: the site file names another tenant, or the contract does not fit the site.
        """
        key_file = await self._key_file(scope, site.site)
        await self._sites.register(scope, site, contract, key_file, actor=actor)
        return {one.site.site: one for one in await self._sites.all(scope)}[site.site]

    async def sites(self, scope: TenantScope) -> builtins.list[RegisteredSite]:
        """A tenant's sites, by name."""
        return await self._sites.all(scope)

    async def contract_by_hash(self, scope: TenantScope, site: str, sha256: str) -> DataContract | None:
        """A contract of a site, in force or superseded; None if the platform never saw it."""
        return await self._sites.contract(scope, site, sha256)

    async def bridges(self, scope: TenantScope) -> builtins.list[BridgeRecord]:
        """A tenant's bridges."""
        return await self._sites.bridges(scope)

    async def bridge_seen(self, scope: TenantScope, bridge_id: str, incarnation: str | None = None) -> None:
        """Note a bridge's sign of life and which outbox it uses."""
        await self.fleet.seen(scope, bridge_id, incarnation)

    async def bridge_key_file(self, scope: TenantScope, site: str) -> Path:
        """Where the key of a site's bridge was written."""
        return self._run.secrets / await self._key_file(scope, site)

    async def replace_bridge_key(self, scope: TenantScope, site: str, *, actor: Actor) -> Path:
        """Give a site's bridge a new key, for one that was lost or leaked."""
        return self._run.secrets / await self._sites.replace_key(scope, site, actor=actor)

    async def _key_file(self, scope: TenantScope, site: str) -> str:
        for bridge in await self._sites.bridges(scope):
            if bridge.site == site:
                return bridge.key_file
        plain = f"bridges/{site}.key"
        taken = await self.platform.fetchval(_SQL["key_file_taken"], plain)
        return f"bridges/{scope.slug}.{site}.key" if taken else plain

    async def bridge_of_key(self, key: str) -> BridgeIdentity:
        """Who holds a bridge key.

        Raises:
            DeniedError: nobody does.
            InactiveTenantError: somebody does, whose tenant is not active.
        """
        prefix = prefix_of(key)
        row: dict[str, Any] | None = None
        if prefix is not None:
            row = await self.platform.fetchrow(_SQL["bridge_by_prefix"], prefix)
        if row is None or not matches(key, row["key_hash"]):
            raise DeniedError("bridge key is not valid")
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


def check_slug(slug: str) -> None:
    """Go on only with what can be a tenant's slug.

    Raises:
        InputError: it cannot.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            "not a tenant's slug", expected="3 to 40 of a-z, 0-9 and -, a letter first, no - at the end", received=slug
        )


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError("not a tenant's name", expected=f"1 to {_LONGEST_NAME} characters in one line", received=name)


def _scope(row: dict[str, Any]) -> TenantScope:
    return TenantScope(id=row["id"], slug=row["slug"], name=row["name"])
