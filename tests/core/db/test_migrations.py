from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.db import Database
from core.db.migrate import HEAD, migrate

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_TABLES = """
select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
       array(select p.polcmd::text from pg_policy p where p.polrelid = c.oid) as commands
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'alembic_version'
"""
_NAKED_KEYS = """
select c.conrelid::regclass::text as child, c.confrelid::regclass::text as parent
from pg_constraint c
where c.contype = 'f' and c.connamespace = 'public'::regnamespace
  and c.confrelid::regclass::text not in ('tenants', 'people')
  and not exists (
      select from pg_attribute a
      where a.attrelid = c.conrelid and a.attname = 'tenant_id' and a.attnum = any (c.conkey))
"""


async def test_every_table_is_under_forced_row_level_security(prepared: Installation):
    async with await Database.open(prepared.postgres.dsn("platform")) as database:
        tables = await database.fetch(_TABLES)

    assert {"tenants", "sites", "contracts", "bridges", "people", "audit_log"} <= {table["name"] for table in tables}
    assert [table["name"] for table in tables if not table["forced"]] == []
    # r: read, a: add, w: change, d: remove.
    assert [table["name"] for table in tables if set(table["commands"]) != {"r", "a", "w", "d"}] == []


async def test_foreign_keys_carry_the_tenant_because_they_look_past_the_policies(prepared: Installation):
    async with await Database.open(prepared.postgres.dsn("platform")) as database:
        assert await database.fetch(_NAKED_KEYS) == []


async def test_no_role_of_the_product_is_above_the_policies_but_the_administrator(prepared: Installation):
    async with await Database.open(prepared.postgres.dsn("platform")) as database:
        roles = await database.fetch(
            "select rolname as name, rolsuper or rolbypassrls as above from pg_roles where rolname like 'goldlayer%'"
        )

    assert {role["name"] for role in roles if role["above"]} == {"goldlayer_admin"}


async def test_a_migrated_database_is_left_alone(prepared: Installation):
    dsn = prepared.postgres.dsn("platform", "goldlayer_owner")

    assert await migrate(dsn) is False
    async with await Database.open(dsn) as database:
        assert await database.fetchval("select version_num from alembic_version") == HEAD


def test_head_is_the_newest_revision():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "core/db/migrations")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
