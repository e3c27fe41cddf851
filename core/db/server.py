"""Roles and databases of a PostgreSQL server; every function may be run again and finishes what was begun."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from core.db.database import Database
from core.db.errors import ConflictError
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries

_SQL = load_queries("core.db", "server.sql")
_INTERRUPTED = -2


@asynccontextmanager
async def provisioning(server: Database, what: str) -> AsyncGenerator[None]:
    """Hold a lock by name: the second caller waits, then finds the work done."""
    async with server.transaction() as lock:
        await lock.execute(_SQL["lock_provisioning"], what)
        yield


async def ensure_role(server: Database, name: str, password: str, *, bypass_rls: bool = False) -> None:
    """A role that can sign in with exactly this password and owns nothing by itself."""
    known = await server.fetchval(_SQL["role_exists"], name)
    statement = await server.fetchval(_SQL["alter_role_text" if known else "create_role_text"], name, password)
    await server.execute(statement + (" bypassrls" if bypass_rls else " nobypassrls"))


async def ensure_group(server: Database, name: str, *, for_role: str) -> None:
    """A role nobody signs in as: one other role may become it on purpose and has none of its rights otherwise."""
    group = quote_identifier(name)
    if not await server.fetchval(_SQL["role_exists"], name):
        await server.execute(f"create role {group} nologin nobypassrls")
    await server.execute(f"grant {group} to {quote_identifier(for_role)} with inherit false, set true")


async def close_to_public(server: Database) -> None:
    """Shut the databases every server comes with: by default everybody may connect to them, and would see all names."""
    for row in await server.fetch(_SQL["open_to_public"]):
        await server.execute(f"revoke all on database {quote_identifier(row['datname'])} from public")


async def ensure_database(
    server: Database, name: str, *, owner: str | None = None, template: str = "template1", connection_limit: int = -1
) -> None:
    """A database that nobody but its owner and those it is granted to may connect to.

    Args:
        server: under a superuser.
        name: of the database.
        owner: whose it is; the superuser's if unset, whatever its name is there.
        template: what it is a copy of.
        connection_limit: connections at most; -1 for any number.
    """
    state = await server.fetchval(_SQL["database_state"], name)
    quoted = quote_identifier(name)
    if state == _INTERRUPTED:
        await server.execute(f"drop database {quoted}")
        state = None
    if state is None:
        whose = f" owner {quote_identifier(owner)}" if owner is not None else ""
        # A caller that was killed here leaves a server process behind that may still have been making it.
        with suppress(ConflictError):
            await server.execute(f"create database {quoted}{whose} template {quote_identifier(template)}")
    await server.execute(f"revoke all on database {quoted} from public")
    await server.execute(f"alter database {quoted} connection limit {int(connection_limit)}")


async def is_complete_template(server: Database, name: str) -> bool:
    """Whether `seal_template` was reached."""
    return bool(await server.fetchval(_SQL["is_template"], name))


async def seal_template(server: Database, name: str) -> None:
    """Mark a template complete; nobody can connect to it any more, so that it can always be copied."""
    await server.execute(f"alter database {quote_identifier(name)} is_template true allow_connections false")


async def drop_database(server: Database, name: str) -> None:
    """Remove a database, whoever is connected; nothing to do if there is none."""
    await server.execute(f"drop database if exists {quote_identifier(name)} with (force)")


async def drop_role(server: Database, name: str) -> None:
    """Remove a role whose database is gone; nothing to do if there is none."""
    await server.execute(f"drop role if exists {quote_identifier(name)}")
