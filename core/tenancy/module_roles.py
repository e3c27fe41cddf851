"""A database role for each module of a tenant: a module's own SQL runs as it, so that the server keeps modules apart.

The role cannot sign in and owns nothing. The tenant's role may take it on, for one statement; the way back, SET and
`set_config`, is closed to it.
"""

from __future__ import annotations

import hashlib

from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.run.postgres import Postgres
from core.tenancy.stores import DataStore, role_of

_SQL = load_queries("core.tenancy", "module_roles.sql")


def module_role_of(scope: TenantScope, schema: str) -> str:
    """Name of the role of one module; it tells neither tenant nor module, because every database shows role names."""
    return f"{role_of(scope)}_{hashlib.sha256(schema.encode()).hexdigest()[:16]}"


async def ensure_module_role(scope: TenantScope, schema: str, store: DataStore, server: Postgres) -> str:
    """Make, or finish, the role of one module; may be repeated."""
    role, owner = module_role_of(scope, schema), store.role
    async with await Database.open(server.dsn(store.database), max_size=1) as database:
        if await database.fetch(_SQL["missing"], role, owner):
            async with database.transaction() as transaction:
                await transaction.execute(_SQL["one_at_a_time"], owner)
                for row in await transaction.fetch(_SQL["missing"], role, owner):
                    await transaction.execute(row["text"])
    return role


async def drop_module_roles(store: DataStore, server: Database) -> None:
    """Remove the roles of all modules of a tenant whose database is gone."""
    for row in await server.fetch(_SQL["drop_roles"], f"{store.role}_"):
        await server.execute(row["text"])
