"""An installation of the first schema, with rows in every table of it, brought to the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config

from core.audit import Actor, Audit
from core.audit.chain import GENESIS, mac_of
from core.audit.writer import Writer
from core.db import Database, TenantScope
from core.db.migrate import migrate
from core.db.roles import APP, OWNER

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_NAME = "platform_of_before"
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_ROWS = """
with tenant as (insert into tenants (id, slug, name, status) values ('{tenant}', 'older-co', 'Older', 'active')),
site as (insert into sites (tenant_id, site, definition) values ('{tenant}', 'hall', '{{}}') returning id),
contract as (insert into contracts (tenant_id, site_id, contract_id, version, sha256, source, active)
    select '{tenant}', id, 'c', '1.0.0', 's', 'y', true from site),
bridge as (insert into bridges (tenant_id, site_id, bridge_id, key_prefix, key_hash, key_file)
    select '{tenant}', id, 'hall-bridge', 'p', 'h', 'f' from site),
person as (insert into people (email, name, password_hash) values ('ann@older.example', 'Ann', 'x') returning id),
membership as (insert into memberships (tenant_id, person_id) select '{tenant}', id from person returning id),
role as (insert into roles (tenant_id, code, name) values ('{tenant}', 'admin', 'Administrator') returning id),
given as (insert into membership_roles select '{tenant}', membership.id, role.id from membership, role),
right_to as (insert into role_permissions select '{tenant}', id, 'DESK.READ' from role),
brought as (insert into module_permissions values ('{tenant}', 'DESK', 'DESK.READ')),
key as (insert into api_keys (tenant_id, role_id, name, key_prefix, key_hash)
    select '{tenant}', id, 'k', 'q', 'h' from role)
insert into notifications (tenant_id, to_person, subject, message) select '{tenant}', id, 's', 'm' from person
"""
_LOGGED = (
    "insert into audit_log (tenant_id, seq, at, actor, action, target, outcome, previous_mac, mac)"
    " values ($1, $2, $3, 'person:ann@older.example', 'x.y', $4, 'done', $5, $6)"
)
_SHAPE = """
select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
    || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '') as line
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace
union all select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
where connamespace = 'public'::regnamespace
union all select indexdef from pg_indexes where schemaname = 'public'
union all select tablename || policyname || roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '')
from pg_policies
union all select relname || relacl::text from pg_class where relnamespace = 'public'::regnamespace
union all select proname || prosrc || proacl::text || proowner::regrole from pg_proc
where pronamespace = 'public'::regnamespace
union all select tgrelid::regclass || tgname || tgenabled::text from pg_trigger where not tgisinternal
"""


@pytest.fixture
async def older(prepared: Installation) -> AsyncIterator[str]:
    """Name of a platform database under the first schema."""
    async with await Database.open(prepared.postgres.dsn("postgres")) as server:
        await server.execute(f"create database {_NAME} owner {OWNER}")
        config = Config()
        config.set_main_option("script_location", "core/db/migrations")
        owner = prepared.postgres.dsn(_NAME, OWNER)
        config.attributes["url"] = owner.replace("postgresql://", "postgresql+psycopg2://", 1)
        await asyncio.to_thread(command.upgrade, config, "0001")
        yield _NAME
        await server.execute(f"drop database {_NAME} with (force)")


async def test_rows_survive_their_chain_holds_and_the_schema_is_the_newest(older: str, prepared: Installation):
    scope, writer = TenantScope(uuid4(), "older-co", "Older"), Writer.of(prepared.run)
    async with await Database.open(prepared.postgres.dsn(older), max_size=1) as superuser:
        await superuser.execute(_ROWS.format(tenant=scope.id))
        await _log(superuser, prepared.run.secret("audit_key").encode(), scope.id)
        before = await _counts(superuser)

    assert await migrate(prepared.postgres.dsn(older, OWNER))

    async with (
        await Database.open(prepared.postgres.dsn(older), max_size=1) as superuser,
        await Database.open(prepared.postgres.dsn("platform"), max_size=1) as fresh,
        await Database.open(prepared.postgres.dsn(older, APP), max_size=1) as app,
    ):
        rights = await superuser.fetch("select permission from role_permissions order by 1")
        assert [row["permission"] for row in rights] == ["DESK.READ", "PLATFORM.MANAGE_KEYS"]
        assert (before | {"role_permissions": 2}).items() <= (await _counts(superuser)).items()
        assert set(before.values()) == {1, 3}
        assert await _lines(superuser) == await _lines(fresh)
        audit = Audit(app, writer)
        assert await audit.record(scope, Actor.command("test"), "x.y", "z") == 4
        assert ((found := await audit.verify(scope)).ok, found.records) == (True, 4)


async def _log(superuser: Database, key: bytes, tenant: UUID) -> None:
    previous = GENESIS
    for seq in (1, 2, 3):
        row = {"format": 1, "actor": "person:ann@older.example", "action": "x.y", "target": str(seq)}
        row |= {"before": None, "after": None, "outcome": "done"}
        mac = mac_of(key, tenant, seq, _AT, row, previous)
        await superuser.execute(_LOGGED, tenant, seq, _AT, str(seq), previous, mac)
        previous = mac


async def _counts(database: Database) -> dict[str, int]:
    tables = await database.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    return {row["relname"]: await database.fetchval(f"select count(*) from {row['relname']}") for row in tables}


async def _lines(database: Database) -> list[str]:
    return sorted(row["line"] for row in await database.fetch(_SHAPE) if row["line"])
