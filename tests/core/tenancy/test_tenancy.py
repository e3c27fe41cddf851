from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import DeniedError, InputError, NotFoundError
from core.settings import TenancySettings
from core.tenancy import Tenancy, TenantScope, init_platform, provision
from core.tenancy.stores import role_of

if TYPE_CHECKING:
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration
_SCHEMAS = "select nspname from pg_namespace where nspowner = (select oid from pg_roles where rolname = $1)"


async def test_a_tenant_gets_database_role_and_schemas_of_its_own(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("fresh-co", "Fresh", actor=_ACTOR)

    assert (await tenancy.get("fresh-co"), scope.name) == (scope, "Fresh")
    assert "/t_fresh_co" in await tenancy.dsn(scope)
    database = await tenancy.database(scope)
    assert await database.fetch("select '[1,2]'::vector as v, '{\"a\": 1}'::jsonb as j") == [
        {"v": [1.0, 2.0], "j": {"a": 1}}
    ]
    async with await Database.open(prepared.postgres.dsn("t_fresh_co")) as superuser:
        rows = await superuser.fetch(_SCHEMAS, role_of(scope))
    assert {row["nspname"] for row in rows} == set(provision.SCHEMAS)


async def test_init_and_create_may_be_repeated(tenancy: Tenancy, prepared: Installation):
    await init_platform(prepared.run, prepared.postgres, prepared.settings)
    first = await tenancy.create("twice-co", "Twice", actor=_ACTOR)

    assert await tenancy.create("twice-co", "Another name", actor=_ACTOR) == first
    assert [scope for scope in await tenancy.list() if scope.slug == "twice-co"] == [first]


async def test_parallel_creations_make_one_tenant_each(tenancy: Tenancy, prepared: Installation):
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as other:
        made = await asyncio.gather(
            *(
                one.create(slug, "Parallel", actor=_ACTOR)
                for slug in ("parallel-a", "parallel-b")
                for one in (tenancy, other)
            )
        )

    assert len({scope.id for scope in made}) == 2


@pytest.mark.parametrize("slug", ["", "ab", "1abc", "a_b", "abc-", "Abc", "a" * 41, "abc\n", "a'; drop table x; --"])
async def test_a_wrong_slug_leaves_nothing(tenancy: Tenancy, slug: str):
    before = await tenancy.list()

    with pytest.raises(InputError):
        await tenancy.create(slug, "Wrong", actor=_ACTOR)

    assert await tenancy.list() == before


async def test_a_suspended_tenant_is_listed_but_not_active(tenancy: Tenancy):
    scope = await tenancy.create("paused-co", "Paused", actor=_ACTOR)

    await tenancy.suspend(scope, actor=_ACTOR)

    assert await tenancy.status(scope) == "suspended"
    assert scope in await tenancy.list()
    with pytest.raises(DeniedError):
        await tenancy.active(scope.id)
    await tenancy.resume(scope, actor=_ACTOR)
    assert await tenancy.active(scope.id) == scope


def test_no_secret_is_readable_by_others(prepared: Installation):
    modes = {path.name: path.stat().st_mode & 0o777 for path in prepared.run.secrets.rglob("*") if path.is_file()}

    assert modes
    assert {name for name, mode in modes.items() if mode != 0o600} == set()


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[31mred", "x" * 201, "half \ud800"])
async def test_a_name_that_would_spoil_a_list_is_refused(tenancy: Tenancy, name: str):
    with pytest.raises(InputError):
        await tenancy.create("misnamed-co", name, actor=_ACTOR)
    with pytest.raises(NotFoundError):
        await tenancy.get("misnamed-co")


async def test_a_creation_on_a_server_that_is_not_there_leaves_nothing(tenancy: Tenancy):
    with pytest.raises(InputError, match="no such server"):
        await tenancy.create("misplaced-co", "Misplaced", actor=_ACTOR, server="nowhere")

    assert "misplaced-co" not in {one.slug for one in await tenancy.overview(actor=_ACTOR)}


async def test_many_tenants_at_work_at_once_open_no_more_pools_than_set(prepared: Installation):
    few = TenancySettings(open_pools=2, pool_connections=1)
    settings = prepared.settings.model_copy(update={"tenancy": few})
    async with await Tenancy.open(prepared.run, prepared.postgres, settings) as tenancy:
        scopes = [await tenancy.create(f"many-{n}", "Many", actor=_ACTOR) for n in range(6)]
        most = 0

        async def ask(scope: TenantScope) -> str:
            nonlocal most
            found = await (await tenancy.database(scope)).fetchval("select current_database()")
            most = max(most, tenancy.pools.open)
            return found

        answers = await asyncio.gather(*(ask(scope) for scope in [*scopes, *scopes]))

        assert answers == [f"t_many_{n}" for n in range(6)] * 2
        assert most == 2
