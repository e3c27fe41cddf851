"""`platform init`: the databases and roles every installation has."""

from __future__ import annotations

from core.audit.heads import Heads
from core.db import Database
from core.db.identifiers import quote_identifier
from core.db.migrate import migrate
from core.db.roles import ADMIN, APP, LOOKUP, OWNER, PLATFORM
from core.db.server import close_to_public, ensure_database, ensure_group, ensure_role, provisioning
from core.errors import TransientError
from core.log import get_logger
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy.stores import servers_of

SERVICES = {"eventlog": "goldlayer_eventlog", "dagster": "goldlayer_dagster"}
"""Databases beside the platform's, and the role that owns each."""
_log = get_logger("tenancy")


async def init_platform(run: RunFolder, postgres: Postgres, settings: Settings) -> None:
    """Create databases and roles and migrate; running it again does what is missing.

    Args:
        run: keeps the passwords.
        postgres: a server that is running.
        settings: name the other servers that tenants' databases are on.

    Raises:
        InputError: another server has the name of the installation's own.
        TransientError: the installation's own server is not reachable.
    """
    others = servers_of(run, settings)
    async with await Database.open(postgres.dsn("postgres")) as server, provisioning(server, "init"):
        for role in (OWNER, APP, ADMIN, *SERVICES.values()):
            await ensure_role(server, role, run.secret(f"pg_{role}"), bypass_rls=role == ADMIN)
        await ensure_group(server, LOOKUP, for_role=OWNER)
        # The server's own log tells of whoever takes the administrator's password past the door; values stay out of it.
        await server.execute(f"alter role {ADMIN} set log_statement = 'all'")
        await server.execute(f"alter role {ADMIN} set log_parameter_max_length = 0")
        await ensure_database(server, PLATFORM, owner=OWNER)
        for name, owner in SERVICES.items():
            await ensure_database(server, name, owner=owner)
        await close_to_public(server)
        await server.execute(f"grant connect on database {quote_identifier(PLATFORM)} to {APP}, {ADMIN}")
        migrated = await migrate(postgres.dsn(PLATFORM, OWNER))
    for name, other in others.items():
        await _close(name, other)
    if migrated:
        await _adopt_heads(run, postgres)
        _log.info("platform database is ready", action="init")


async def _close(name: str, other: Postgres) -> None:
    """One that is down keeps nobody waiting: whoever makes a tenant's database there closes it first."""
    try:
        async with await Database.open(other.dsn("postgres"), max_size=2) as server, provisioning(server, "init"):
            await close_to_public(server)
    except TransientError as error:
        _log.warning("a server of tenants is not reachable", action="init", server=name, reason=str(error))


async def _adopt_heads(run: RunFolder, postgres: Postgres) -> None:
    heads = Heads(run.path / "audit")
    async with await Database.open(postgres.dsn(PLATFORM), max_size=1) as platform:
        for tenant in await platform.fetch("select id, slug from tenants"):
            heads.adopt(tenant["slug"], tenant["id"])
