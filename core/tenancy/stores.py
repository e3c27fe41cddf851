"""Where each tenant's database is: one of several servers, noted when the tenant is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError, TerminalError
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import PostgresSettings, Settings

_SQL = load_queries("core.tenancy", "stores.sql")
OWN_SERVER = "main"
"""The installation's own server."""


def database_of(scope: TenantScope) -> str:
    """Name of a tenant's database."""
    return f"t_{scope.slug.replace('-', '_')}"


def role_of(scope: TenantScope) -> str:
    """Name of a tenant's role; it tells neither slug nor id, because role names can be seen from every database."""
    return f"tenant_{sha256(scope.id.bytes).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class DataStore:
    """A tenant's database.

    Attributes:
        server: name of the server it is on.
        database: its name there.
        role: the tenant's own role there.
    """

    server: str
    database: str
    role: str


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What is in a tenant's database.

    Attributes:
        bytes: on disk.
        pgvector: its version.
        schemas: number of tables by schema.
    """

    bytes: int
    pgvector: str
    schemas: dict[str, int]


def servers_of(run: RunFolder, settings: Settings) -> dict[str, Postgres]:
    """The servers beside the installation's own, by name.

    Args:
        run: keeps the roles' passwords, whatever the server.
        settings: name them.

    Raises:
        InputError: one has the name of the installation's own.
    """
    others = {
        name: Postgres(run, settings.model_copy(update={"postgres": PostgresSettings(url=url)}))
        for name, url in settings.tenancy.servers.items()
    }
    if OWN_SERVER in others:
        raise InputError(
            f"{OWN_SERVER!r} is the installation's own server",
            expected="another name",
            where="GOLDLAYER_TENANCY__SERVERS",
        )
    return others


class DataStores:
    """Tenants' databases in the platform database, and the servers they are on."""

    def __init__(self, platform: Database, servers: Mapping[str, Postgres]) -> None:
        self._platform = platform
        self._servers = servers

    @classmethod
    def of(cls, platform: Database, run: RunFolder, postgres: Postgres, settings: Settings) -> DataStores:
        """Those of an installation.

        Args:
            platform: platform database under row-level security.
            run: keeps the roles' passwords, whatever the server.
            postgres: the installation's own server.
            settings: name the others.

        Raises:
            InputError: another server has the name of the installation's own.
        """
        return cls(platform, {**servers_of(run, settings), OWN_SERVER: postgres})

    async def place(self, scope: TenantScope, database: str, role: str, server: str | None) -> DataStore:
        """Decide and note where a tenant's database will be; asked again, it is where it was noted first.

        Args:
            scope: the tenant.
            database: its name.
            role: of the tenant.
            server: by name; None takes the one with the fewest tenants of those that settings name, or the
                installation's own if they name none.

        Raises:
            InputError: no such server.
        """
        chosen = server or await self._emptiest()
        self.check_server(chosen)
        async with self._platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["place"], scope.id, chosen, database, role)
        return await self.of_tenant(scope)

    def check_server(self, name: str) -> None:
        """Refuse a name that settings do not know.

        Raises:
            InputError: there is no such server.
        """
        if name not in self._servers:
            raise InputError("no such server", expected=", ".join(sorted(self._servers)), received=name)

    async def _emptiest(self) -> str:
        used = {row["server"]: int(row["tenants"]) for row in await self._platform.fetch(_SQL["by_server"])}
        others = sorted(name for name in self._servers if name != OWN_SERVER)
        return min(others, key=lambda name: used.get(name, 0), default=OWN_SERVER)

    async def of_tenant(self, scope: TenantScope) -> DataStore:
        """Where a tenant's database is.

        Raises:
            NotFoundError: nowhere: the tenant was removed.
        """
        store = await self.find(scope)
        if store is None:
            raise NotFoundError("the tenant has no database", where=scope.slug)
        return store

    async def find(self, scope: TenantScope) -> DataStore | None:
        """Where a tenant's database is; None for one that has none yet."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            row = await transaction.fetchrow(_SQL["store"])
        return None if row is None else DataStore(**row)

    def server(self, store: DataStore) -> Postgres:
        """The server a database is on.

        Raises:
            TerminalError: settings do not name it any more.
        """
        if store.server not in self._servers:
            raise TerminalError(
                "the server of a tenant's database is not configured",
                expected=store.server,
                where="GOLDLAYER_TENANCY__SERVERS",
                next_step="name it there again",
            )
        return self._servers[store.server]

    async def describe(self, store: DataStore) -> StoreFacts:
        """Look into a tenant's database; as the server's superuser, because a tenant may not ask for sizes."""
        async with await Database.open(self.server(store).dsn(store.database), max_size=1) as database:
            facts = await database.fetch(_SQL["facts"])
            schemas = {row["schema"]: int(row["tables"]) for row in await database.fetch(_SQL["schemas"])}
        return StoreFacts(int(facts[0]["bytes"]), facts[0]["pgvector"], schemas)

    async def dsn(self, scope: TenantScope) -> str:
        """DSN of a tenant's database under the tenant's own role; carries a password, so never log it."""
        store = await self.of_tenant(scope)
        return self.server(store).dsn(store.database, store.role)
