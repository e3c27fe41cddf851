"""Two modules of one tenant: what one writes in SQL never reaches what is the other's, nor the platform's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.connector import TenantDataConnector, connector_for
from core.errors import DeniedError, GoldlayerError
from core.tenancy.module_roles import module_role_of
from core.tenancy.stores import role_of

if TYPE_CHECKING:
    from tests.isolation.conftest import Pair

pytestmark = pytest.mark.integration
_READS = [
    "select * from vault_desk.secrets",
    "select * from staging.held_back",
    "select query_to_xml('select * from vault_desk.secrets', true, false, '')",
    "select query_to_xml('set role none', true, false, '')",
    "select query_to_xml('set role {owner}', true, false, '')",
    "select table_to_xml('vault_desk.secrets', true, false, '')",
    "select * from ts_stat('select to_tsvector(words) from vault_desk.secrets')",
    "select set_config('role', 'none', true), query_to_xml('select * from vault_desk.secrets', true, false, '')",
    "with out as materialized (select set_config('role', '{owner}', true)) select * from out, vault_desk.secrets",
    "select set_config('session_authorization', '{owner}', true)",
    "select * from notes for update of notes nowait union select * from vault_desk.secrets",
    "select pg_terminate_backend(pid) from generate_series(1, 70000) as pid limit 1 offset 69999",
    "select lo_import('/etc/hostname')",
]
_WRITES = [
    "update pg_settings set setting = 'none' where name = 'role'",
    "update vault_desk.secrets set words = 'taken'",
    "delete from vault_desk.secrets",
    "insert into vault_desk.secrets (words) values ('planted')",
    "insert into kpi.published (value) values (1)",
    "update kpi.published set value = 0",
    "insert into staging.held_back (value) values (1)",
    "with gone as (delete from vault_desk.secrets returning *) insert into notes select 9, words, '[1,1]' from gone",
    "merge into vault_desk.secrets s using notes n on false when not matched then insert (words) values (n.owner)",
]


@pytest.fixture
async def data(pair: Pair) -> TenantDataConnector:
    for schema, table in (("kpi", "published"), ("staging", "held_back")):
        owner = await connector_for(pair.tenancy, pair.a.scope, schema=schema)
        await owner.provision_tables({table: {"columns": {"value": {"type": "integer"}}}})
    other = await connector_for(pair.tenancy, pair.a.scope, schema="vault_desk")
    await other.provision_tables({"secrets": {"columns": {"words": {"type": "string"}}}})
    if not await other.query("secrets"):
        await other.insert("secrets", {"words": "of the other module"})
    return pair.a.data


async def _kept(pair: Pair) -> bool:
    rows = await (await connector_for(pair.tenancy, pair.a.scope, schema="vault_desk")).query("secrets")
    return [row["words"] for row in rows] == ["of the other module"]


@pytest.mark.parametrize(
    ("sql", "write"), [(sql, write) for sql in _READS for write in (False, True)] + [(sql, True) for sql in _WRITES]
)
async def test_sql_of_one_module_stays_inside_it(pair: Pair, data: TenantDataConnector, sql: str, write: bool):
    text = sql.replace("{owner}", role_of(pair.a.scope))

    with pytest.raises(GoldlayerError):
        await data.raw_sql(text, [], write=write)  # pyright: ignore[reportArgumentType]  listed above
    with pytest.raises(GoldlayerError):
        async with data.transaction() as work:
            await work.raw_sql(text, [], write=write)  # pyright: ignore[reportArgumentType]  listed above

    assert await _kept(pair)


async def test_published_tables_can_be_read_also_those_that_came_later(pair: Pair, data: TenantDataConnector):
    assert await data.raw_sql("select count(*) as n from kpi.published", []) == [{"n": 0}]
    publisher = await connector_for(pair.tenancy, pair.a.scope, schema="kpi")
    await publisher.provision_tables({"later": {"columns": {"value": {"type": "integer"}}}})

    assert await data.raw_sql("select count(*) as n from kpi.later", []) == [{"n": 0}]
    with pytest.raises(DeniedError):
        await data.raw_sql("select count(*) from staging.held_back", [])


async def test_the_role_ends_with_its_statement(pair: Pair, data: TenantDataConnector):
    role = module_role_of(pair.a.scope, "desk")
    async with data.transaction() as work:
        assert await work.raw_sql("select current_user::text as me", []) == [{"me": role}]
        assert await work.raw_sql("select current_user::text as me", [], write=True) == [{"me": role}]
        me = await work._runner.fetch("select current_user::text as me, current_setting('statement_timeout') as t")
        await work.update("notes", {"id": 0}, {"owner": "of alpha"})

    assert me == [{"me": role_of(pair.a.scope), "t": "0"}]


async def test_the_role_cannot_sign_in_and_owns_nothing(pair: Pair, data: TenantDataConnector):
    from core.db import Database

    await data.raw_sql("select 1", [])
    role = module_role_of(pair.a.scope, "desk")
    async with await Database.open(pair.installation.postgres.dsn("postgres")) as server:
        row = await server.fetchrow(
            "select rolcanlogin, rolsuper, rolcreaterole, rolbypassrls from pg_roles where rolname = $1", role
        )
    owned = await (await pair.tenancy.database(pair.a.scope)).fetchval(
        "select count(*) from pg_class where pg_get_userbyid(relowner) = $1", role
    )

    assert row == {"rolcanlogin": False, "rolsuper": False, "rolcreaterole": False, "rolbypassrls": False}
    assert owned == 0
