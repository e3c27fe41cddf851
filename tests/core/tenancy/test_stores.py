from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from core.audit import Actor
from core.db import Database
from core.errors import InputError, TerminalError
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import TenancySettings
from core.tenancy import Tenancy, init_platform
from core.tenancy.stores import role_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
ACTOR = Actor.command("test")


async def opened(prepared: Installation, **settings: object) -> Tenancy:
    changed = prepared.settings.model_copy(update={"tenancy": TenancySettings.model_validate(settings)})
    return await Tenancy.open(prepared.run, prepared.postgres, changed)


async def test_a_tenant_s_database_is_on_the_installation_s_own_server_by_default(tenancy: Tenancy):
    scope = await tenancy.create("store-co", "Store", actor=ACTOR)

    store = await tenancy.stores.of_tenant(scope)
    facts = await tenancy.stores.describe(store)

    assert (store.server, store.database, store.role) == ("main", "t_store_co", role_of(scope))
    assert facts.bytes > 1_000_000
    assert facts.pgvector
    assert facts.schemas == {"kpi": 0, "mart": 0, "memory": 0, "staging": 0, "training": 0}


async def test_new_tenants_go_to_the_named_server_with_the_fewest(prepared: Installation, tenancy: Tenancy):
    url = SecretStr(prepared.postgres.dsn("postgres").rpartition("/")[0])
    async with await opened(prepared, servers={"east": url, "west": url}) as several:
        placed = {
            slug: await several.create(slug, slug, actor=ACTOR) for slug in ("on-one", "on-two", "on-three", "on-four")
        }
        stores = {slug: (await several.stores.of_tenant(scope)).server for slug, scope in placed.items()}
        chosen = await several.create("on-main", "Main", actor=ACTOR, server="main")
        assert await (await several.database(placed["on-one"])).fetchval("select current_database()") == "t_on_one"
        with pytest.raises(InputError, match="no such server"):
            await several.create("on-none", "None", actor=ACTOR, server="north")

        assert sorted(stores.values()) == ["east", "east", "west", "west"]
        assert (await several.stores.of_tenant(chosen)).server == "main"
    with pytest.raises(TerminalError, match="not configured"):
        await tenancy.dsn(placed["on-one"])


async def test_no_more_databases_are_connected_than_allowed(prepared: Installation):
    async with await opened(prepared, open_pools=2) as tenancy:
        scopes = [await tenancy.create(f"pooled-{n}", "Pooled", actor=ACTOR) for n in range(4)]
        for scope in (*scopes, *scopes):
            name = await (await tenancy.database(scope)).fetchval("select current_database()")
            assert name == f"t_{scope.slug.replace('-', '_')}"
            assert tenancy.pools.open <= 2


_WARDEN = "create role warden superuser login password 'kept by nobody'"
_OPEN = """
select d.datname from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
where a.grantee = 0 and d.datallowconn
"""
_OWNERS = "select r.rolname from pg_database d join pg_roles r on r.oid = d.datdba where d.datname = 't_far_co'"


async def test_a_registered_server_is_closed_and_its_superuser_is_called_what_its_url_says(
    prepared: Installation, reachable: Path
):
    far = Postgres(RunFolder.open(reachable / "far", prepared.settings), prepared.settings)
    with far.running():
        async with await Database.open(far.dsn("postgres"), max_size=1) as first:
            await first.execute(_WARDEN)
        address = far.dsn("postgres").rpartition("@")[2].partition("/")[0]
        url = f"postgresql://warden:kept%20by%20nobody@{address}"
        settings = prepared.settings.model_copy(update={"tenancy": TenancySettings(servers={"far": SecretStr(url)})})
        async with await Database.open(f"{url}/postgres", max_size=1) as superuser:
            await superuser.execute("alter role postgres rename to once_called_postgres")

            await init_platform(prepared.run, prepared.postgres, settings)
            assert await superuser.fetch(_OPEN) == []

            await superuser.execute("grant connect on database postgres to public")
            async with await Tenancy.open(prepared.run, prepared.postgres, settings) as tenancy:
                scope = await tenancy.create("far-co", "Far", actor=ACTOR)
                assert (await tenancy.stores.of_tenant(scope)).server == "far"
                assert await (await tenancy.database(scope)).fetchval("select '[1]'::vector::text") == "[1]"
                assert await tenancy.module_role(scope, "desk")
            assert await superuser.fetchval(_OWNERS) == "warden"
            assert await superuser.fetch(_OPEN) == []


async def test_a_server_that_is_down_keeps_the_others_from_nothing(
    prepared: Installation, capsys: pytest.CaptureFixture[str]
):
    url = SecretStr("postgresql://warden:none@127.0.0.1:1")
    settings = prepared.settings.model_copy(update={"tenancy": TenancySettings(servers={"down": url})})

    await init_platform(prepared.run, prepared.postgres, settings)

    told = "".join(capsys.readouterr())
    assert "server=down" in told or '"server": "down"' in told
