"""Row-level security's price: the same transactions on the same rows, with the policies holding and without.

Both sides go through our own pool and say which tenant they are for; one signs in as the role that the policies hold,
the other as a role made for this run that looks past them. Every statement names the tenant itself as well, so that
both do the same work and read the same rows. `filter` is the one exception: there ours leaves the tenant to the policy.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

from bench.claim import Claim, alternating
from core.db import Database
from core.db.queries import load_queries
from core.db.roles import APP, PLATFORM
from core.db.server import ensure_role
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import init_platform

TARGET = 1.15
TENANTS, MEMBERS, NOTICES = 40, 100, 2_500
PAIRS, CALLS = 150, 4
_BARE = "goldlayer_bench"
_SQL = load_queries("bench", "rls.sql")
_IDENTITY = load_queries("core.identity")
_FILL: dict[str, tuple[int, ...]] = {
    "tenants": (TENANTS,),
    "people": (TENANTS * MEMBERS,),
    "memberships": (),
    "sessions": (),
    "roles": (),
    "membership_roles": (),
    "permissions": (),
    "notifications": (NOTICES,),
}
Call = Callable[[], Awaitable[object]]


class Side:
    """One of the two, going through tenants in the same random order as the other."""

    def __init__(self, database: Database, members: list[tuple[UUID, UUID, UUID]]) -> None:
        self._database = database
        self._members = members
        self._chosen = random.Random(11)

    async def newest(self) -> object:
        """One tenant's fifty newest notifications."""
        tenant, *_ = self._chosen.choice(self._members)
        async with self._database.transaction(tenant, readonly=True) as transaction:
            return await transaction.fetch(_SQL["newest"], tenant)

    async def newest_by_policy(self) -> object:
        """The same rows, found by the policy alone."""
        tenant, *_ = self._chosen.choice(self._members)
        async with self._database.transaction(tenant, readonly=True) as transaction:
            return await transaction.fetch(_SQL["newest_by_policy"])

    async def member(self) -> object:
        """Who a token speaks of, with permissions: six tables, behind every request."""
        tenant, person, session = self._chosen.choice(self._members)
        async with self._database.transaction(tenant, readonly=True) as transaction:
            return await transaction.fetchrow(_IDENTITY["member"], tenant, person, session)

    async def write(self) -> object:
        """Add a row, change it, read it back."""
        tenant, *_ = self._chosen.choice(self._members)
        async with self._database.transaction(tenant) as transaction:
            row = await transaction.fetchval(_SQL["add"], tenant)
            await transaction.execute(_SQL["dismiss"], tenant, row)
            return await transaction.fetchval(_SQL["read"], tenant, row)


async def _claims(run: RunFolder, postgres: Postgres) -> list[Claim]:
    async with await Database.open(postgres.dsn(PLATFORM), max_size=1) as superuser:
        await ensure_role(superuser, _BARE, run.secret(f"pg_{_BARE}"), bypass_rls=True)
        await superuser.execute(f"grant {APP} to {_BARE}; grant connect on database {PLATFORM} to {_BARE}")
        for name, arguments in _FILL.items():
            await superuser.execute(_SQL[f"fill_{name}"], *arguments)
        await superuser.execute("analyze")
        rows = await superuser.fetch("select tenant_id, person_id, id from sessions order by id")
    members = [(row["tenant_id"], row["person_id"], row["id"]) for row in rows]
    async with (
        await Database.open(postgres.dsn(PLATFORM, APP), max_size=1) as held,
        await Database.open(postgres.dsn(PLATFORM, _BARE), max_size=1) as free,
    ):
        ours, bare = Side(held, members), Side(free, members)
        if await ours.member() != await bare.member() or await ours.newest_by_policy() != await bare.newest():
            raise RuntimeError("the two sides do not read the same rows")
        calls: dict[str, tuple[Call, Call]] = {
            "read": (ours.newest, bare.newest),
            "filter": (ours.newest_by_policy, bare.newest),
            "member": (ours.member, bare.member),
            "write": (ours.write, bare.write),
        }
        return [
            await alternating(f"rls {name}", mine, theirs, target=TARGET, pairs=PAIRS, calls=CALLS)
            for name, (mine, theirs) in calls.items()
        ]


async def _run(folder: Path) -> list[Claim]:
    settings = Settings()
    run = RunFolder.open(folder / "run", settings)
    postgres = Postgres(run, settings)
    with postgres.running():
        await init_platform(run, postgres, settings)
        return await _claims(run, postgres)


def claims() -> list[dict[str, object]]:
    """Medians in seconds a transaction, under the policies and past them."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    print(
        f"rls: {PAIRS} pairs of {CALLS} transactions over {TENANTS} tenants of {MEMBERS} members and {NOTICES} "
        "notifications; both sides: same rows, statements, pool, durability and set_config; only the role differs"
    )
    try:
        return [claim.as_dict() for claim in asyncio.run(_run(folder))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
