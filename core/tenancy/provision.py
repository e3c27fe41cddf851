"""A tenant's own database: role, copy of the template, schemas. Every step may be repeated."""

from __future__ import annotations

from core.db import Database
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.db.server import (
    close_to_public,
    drop_database,
    drop_role,
    ensure_database,
    ensure_role,
    is_complete_template,
    provisioning,
    seal_template,
)
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.tenancy.module_roles import drop_module_roles
from core.tenancy.stores import DataStore

SCHEMAS = ("kpi", "staging", "mart", "memory", "training")
"""Published KPIs, dbt's staging and marts, vectors, review state of training data."""
_TEMPLATE = "goldlayer_template"
_SQL = load_queries("core.tenancy", "template.sql")


async def make_role(store: DataStore, run: RunFolder, server: Postgres) -> None:
    """The tenant's own role, with the password of the run folder."""
    async with await Database.open(server.dsn("postgres")) as database:
        await ensure_role(database, store.role, run.secret(f"pg_{store.role}"))


async def make_database(store: DataStore, server: Postgres, connection_limit: int) -> None:
    """The tenant's database, a copy of the template, open to its role alone."""
    async with await Database.open(server.dsn("postgres")) as database:
        async with provisioning(database, "init"):
            await close_to_public(database)
        await _ensure_template(database, server)
        await ensure_database(database, store.database, template=_TEMPLATE, connection_limit=connection_limit)
        name, role = quote_identifier(store.database), quote_identifier(store.role)
        await database.execute(f"grant connect, create, temporary on database {name} to {role}")


async def make_schemas(store: DataStore, server: Postgres) -> None:
    """The schemas every tenant has; modules bring their own."""
    role = quote_identifier(store.role)
    async with await Database.open(server.dsn(store.database), max_size=1) as database:
        for schema in SCHEMAS:
            await database.execute(f"create schema if not exists {quote_identifier(schema)} authorization {role}")


async def unmake(store: DataStore, run: RunFolder, server: Postgres) -> None:
    """Drop database, roles and password; whoever is connected is cut off."""
    async with await Database.open(server.dsn("postgres")) as database:
        await drop_database(database, store.database)
        await drop_module_roles(store, database)
        await drop_role(database, store.role)
    (run.secrets / f"pg_{store.role}").unlink(missing_ok=True)


async def _ensure_template(database: Database, server: Postgres) -> None:
    if await is_complete_template(database, _TEMPLATE):
        return
    async with provisioning(database, _TEMPLATE):
        if await is_complete_template(database, _TEMPLATE):
            return
        await ensure_database(database, _TEMPLATE)
        async with await Database.open(server.dsn(_TEMPLATE), max_size=1) as template:
            for statement in _SQL.values():
                await template.execute(statement)
        await seal_template(database, _TEMPLATE)
