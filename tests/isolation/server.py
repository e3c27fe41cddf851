"""What the server holds, by introspection, and connections to it that bypass the product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from core.db import Database
from core.db.identifiers import quote_identifier
from tests.conftest import Installation
from tests.isolation.techniques import Names

_TABLES = """
select relname as table, (select attname from pg_attribute where attrelid = c.oid and attname = 'tenant_id') as owner
from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
order by 1
"""


@dataclass(frozen=True)
class Server:
    """The installation's PostgreSQL.

    Attributes:
        databases: all of them.
        module_roles: of both tenants; nobody may sign in as one.
        tables: of the platform database, each with the column that says whose a row is, if it has one.
        narrow: the platform database as the product works in it, over a single connection.
        superuser: the platform database as its superuser sees it.
        a_dsn: A's database by A's own role, with its password.
        a: the same, open.
        b: B's database by B's own role.
    """

    databases: tuple[str, ...]
    module_roles: tuple[str, ...]
    tables: dict[str, str | None]
    narrow: Database
    superuser: Database
    a_dsn: str
    a: Database
    b: Database


@asynccontextmanager
async def look_at(installation: Installation, a: Names, b: Names) -> AsyncIterator[Server]:
    """The server while the block lasts."""
    postgres = installation.postgres
    async with AsyncExitStack() as stack:

        async def opened(dsn: str) -> Database:
            return await stack.enter_async_context(await Database.open(dsn, max_size=3))

        superuser = await opened(postgres.dsn("platform"))
        narrow = await Database.open(postgres.dsn("platform", "goldlayer_app"), max_size=1)
        await stack.enter_async_context(narrow)
        databases = await superuser.fetch("select datname from pg_database order by 1")
        roles = await superuser.fetch(
            "select rolname from pg_roles where not rolcanlogin and left(rolname, $2) = any ($1)",
            [a.role, b.role],
            len(a.role),
        )
        tables = await superuser.fetch(_TABLES)
        a_dsn = postgres.dsn(a.database, a.role)
        yield Server(
            databases=tuple(row["datname"] for row in databases),
            module_roles=tuple(row["rolname"] for row in roles),
            tables={row["table"]: "id" if row["table"] == "tenants" else row["owner"] for row in tables},
            narrow=narrow,
            superuser=superuser,
            a_dsn=a_dsn,
            a=await opened(a_dsn),
            b=await opened(postgres.dsn(b.database, b.role)),
        )


_OWN_TABLES = "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
_WRITTEN_BY_KNOCKING = {"audit_log"}
"""Whoever knocks at B's door in vain is written down there."""


async def rows_of_b(server: Server, tenant_id: UUID) -> dict[str, str]:
    """A digest of everything B has, by table: in the platform database and in its own."""
    digest = "select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} t {where}"
    found: dict[str, str] = {}
    for name, owner in server.tables.items():
        if owner is not None and name not in _WRITTEN_BY_KNOCKING:
            where = f"where {quote_identifier(owner)} = $1"
            sql = digest.format(table=quote_identifier(name), where=where)
            found[name] = await server.superuser.fetchval(sql, tenant_id)
    for row in await server.b.fetch(_OWN_TABLES):
        table = f"{quote_identifier(row['schemaname'])}.{quote_identifier(row['tablename'])}"
        found[table] = await server.b.fetchval(digest.format(table=table, where=""))
    return found
