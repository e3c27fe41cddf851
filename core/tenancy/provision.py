"""A tenant's own database: role, copy of the template, schemas. Every step may be repeated."""

from __future__ import annotations

from hashlib import sha256

from core.db import Database, TenantScope
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.db.server import ensure_database, ensure_role, is_complete_template, provisioning, seal_template
from core.run.folder import RunFolder
from core.run.postgres import Postgres

SCHEMAS = ("kpi", "staging", "mart", "memory", "training")
"""Published KPIs, dbt's staging and marts, vectors, review state of training data."""
_TEMPLATE = "goldlayer_template"
_SQL = load_queries("core.tenancy", "template.sql")
_CONNECTIONS = 60
"""Connections one tenant's database takes at most, so that none can take the server from the others."""


def database_of(scope: TenantScope) -> str:
    """Name of a tenant's database."""
    return f"t_{scope.slug.replace('-', '_')}"


def role_of(scope: TenantScope) -> str:
    """Name of a tenant's role; it tells neither slug nor id, because role names can be seen from every database."""
    return f"tenant_{sha256(scope.id.bytes).hexdigest()[:32]}"


async def provision(scope: TenantScope, run: RunFolder, postgres: Postgres) -> None:
    """Make, or finish, a tenant's role and database."""
    role, name = role_of(scope), database_of(scope)
    async with await Database.open(postgres.dsn("postgres")) as server:
        await ensure_role(server, role, run.secret(f"pg_{role}"))
        await _ensure_template(server, postgres)
        await ensure_database(server, name, owner="postgres", template=_TEMPLATE, connection_limit=_CONNECTIONS)
        quoted = quote_identifier(role)
        await server.execute(f"grant connect, create, temporary on database {quote_identifier(name)} to {quoted}")
    async with await Database.open(postgres.dsn(name), max_size=1) as database:
        for schema in SCHEMAS:
            await database.execute(f"create schema if not exists {quote_identifier(schema)} authorization {quoted}")


async def _ensure_template(server: Database, postgres: Postgres) -> None:
    if await is_complete_template(server, _TEMPLATE):
        return
    async with provisioning(server, _TEMPLATE):
        if await is_complete_template(server, _TEMPLATE):
            return
        await ensure_database(server, _TEMPLATE, owner="postgres")
        async with await Database.open(postgres.dsn(_TEMPLATE), max_size=1) as template:
            for statement in _SQL.values():
                await template.execute(statement)
        await seal_template(server, _TEMPLATE)
