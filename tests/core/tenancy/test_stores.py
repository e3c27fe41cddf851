from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from core.audit import Actor
from core.errors import InputError, TerminalError
from core.settings import TenancySettings
from core.tenancy import Tenancy
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
