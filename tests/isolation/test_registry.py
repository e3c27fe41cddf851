"""Registry, tokens, keys, audit and row-level security, tried as A."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import Database
from core.errors import DeniedError, TerminalError
from core.tenancy import Tenancy
from core.tenancy.keys import hash_of

if TYPE_CHECKING:
    from tests.isolation.conftest import Pair

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration
_TABLES = (
    "sites", "contracts", "bridges", "memberships", "roles", "membership_roles", "role_permissions",
    "module_permissions", "audit_log",
)  # fmt: skip


async def test_registry_calls_answer_for_their_scope_only(pair: Pair):
    tenancy, a, b = pair.tenancy, pair.a, pair.b
    told = [
        await tenancy.sites(a.scope),
        await tenancy.bridges(a.scope),
        await tenancy.bridge_standings(a.scope),
        await tenancy.audit.newest(a.scope, 1000),
        await pair.service.people(a.scope),
    ]

    assert "beta" not in str(told)
    assert [one.site for one in await tenancy.sites(a.scope)] == [a.site]
    assert [one.key_hash for one in (await tenancy.bridge_standings(a.scope)).values()] == [hash_of(a.key)]
    assert await tenancy.contract_by_hash(a.scope, "same-hall", b.contract.sha256) is None
    assert await tenancy.bridge_key_file(a.scope, "same-hall") != await tenancy.bridge_key_file(b.scope, "same-hall")


async def test_a_sign_of_life_or_a_new_key_does_not_touch_the_namesake(pair: Pair):
    await pair.tenancy.bridge_seen(pair.a.scope, "same-hall-bridge", "incarnation of alpha")
    await pair.tenancy.replace_bridge_key(pair.a.scope, "same-hall", actor=_ACTOR)

    assert "alpha" not in str(await pair.tenancy.bridges(pair.b.scope))
    assert (await pair.tenancy.bridge_of_key(pair.b.key)).tenant == pair.b.scope


async def test_a_token_speaks_for_its_own_tenant_only(pair: Pair):
    for side in (pair.a, pair.b):
        identity = await pair.service.verify(side.token)
        assert (identity.tenant, identity.email) == (side.scope, f"ann@{side.scope.slug}.example")
    head, body, signature = pair.a.token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    others = json.loads(base64.urlsafe_b64decode(pair.b.token.split(".")[1] + "=="))
    for name in ("tid", "ten", "sub"):
        edited = base64.urlsafe_b64encode(json.dumps(claims | {name: others[name]}).encode()).rstrip(b"=").decode()
        for forged in (f"{head}.{edited}.{signature}", f"{head}.{pair.b.token.split('.')[1]}.{signature}"):
            with pytest.raises(DeniedError):
                await pair.service.verify(forged)


async def test_a_token_signed_rightly_for_a_tenant_one_is_no_member_of_is_refused(pair: Pair):
    from datetime import timedelta

    from core.identity.tokens import Claims, TokenKeys

    keys = TokenKeys(pair.installation.run, timedelta(minutes=1))
    ann = await pair.service.verify(pair.a.token)
    person, session = ann.person_id, ann.session_id
    for claims in (
        Claims(person, pair.b.scope.id, pair.b.scope.slug, 1, session),
        Claims(person, pair.a.scope.id, pair.b.scope.slug, 1, session),
        Claims(person, uuid4(), pair.a.scope.slug, 1, session),
    ):
        with pytest.raises(DeniedError):
            await pair.service.verify(keys.sign(claims))


async def test_members_of_one_tenant_do_not_exist_for_the_other(pair: Pair):
    from tests.isolation.conftest import PASSWORD

    with pytest.raises(DeniedError):
        await pair.service.sign_in("iso-beta", "ann@iso-alpha.example", PASSWORD)
    assert await pair.service.verify(pair.b.token)


async def test_a_bridge_key_leads_to_its_own_tenant(pair: Pair):
    assert (await pair.service.authenticate_bridge(pair.b.key)).tenant == pair.b.scope
    prefix, secret = pair.b.key.rsplit("_", 1)[0], pair.a.key[-43:]
    for key in (f"{prefix}_{secret}", pair.b.key[:-1], pair.b.key + "x", "", "gl_'; drop table bridges; --"):
        with pytest.raises(DeniedError):
            await pair.service.authenticate_bridge(key)


@pytest.mark.parametrize("table", _TABLES)
async def test_row_level_security_hides_and_refuses_the_other_tenant_s_rows(pair: Pair, table: str):
    platform, a, b = pair.tenancy.platform, pair.a.scope.id, pair.b.scope.id

    assert await platform.fetch(f"select * from {table}") == []
    async with platform.transaction(a) as transaction:
        owners = {row["tenant_id"] for row in await transaction.fetch(f"select tenant_id from {table}")}
        assert owners == {a}
    if table != "audit_log":
        async with platform.transaction(a) as transaction:
            assert await transaction.execute(f"delete from {table} where tenant_id = $1", b) == "DELETE 0"
            assert (
                await transaction.execute(f"update {table} set tenant_id = tenant_id where tenant_id = $1", b)
                == "UPDATE 0"
            )
        with pytest.raises(DeniedError):
            async with platform.transaction(a) as transaction:
                await transaction.execute(f"update {table} set tenant_id = $1", b)
    async with platform.transaction(b) as transaction:
        rows = await transaction.fetch(f"select * from {table} limit 1")
    columns = ", ".join(name for name in rows[0] if name != "chain")  # Generated from the tenant.
    with pytest.raises(DeniedError):
        async with platform.transaction(a) as transaction:
            await transaction.execute(
                f"insert into {table} ({columns})"
                f" select {columns} from jsonb_populate_record(null::{table}, $1::jsonb)",
                json.loads(json.dumps(rows[0], default=_plain)),
            )


def _plain(value: object) -> str:
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


async def test_a_row_cannot_point_at_the_other_tenant_s_parent(pair: Pair):
    async with pair.tenancy.platform.transaction(pair.b.scope.id) as transaction:
        role = await transaction.fetchval("select id from roles where code = 'admin'")
    with pytest.raises(TerminalError):
        async with pair.tenancy.platform.transaction(pair.a.scope.id) as transaction:
            await transaction.execute(
                "insert into role_permissions (tenant_id, role_id, permission) values ($1, $2, 'DESK.STEAL')",
                pair.a.scope.id,
                role,
            )


async def test_people_are_seen_through_memberships_only(pair: Pair):
    async with pair.tenancy.platform.transaction(pair.a.scope.id) as transaction:
        emails = {row["email"] for row in await transaction.fetch("select email from people")}
        changed = await transaction.execute("update people set name = name where email like '%iso-beta%'")

    assert emails == {"ann@iso-alpha.example"}
    assert changed == "UPDATE 0"
    assert await pair.tenancy.platform.fetch("select * from people") == []


async def test_reused_connections_and_parallel_tasks_never_mix_tenants(pair: Pair):
    dsn = pair.installation.postgres.dsn("platform", "goldlayer_app")
    chosen = random.Random(7)
    async with await Database.open(dsn, max_size=3) as platform:

        async def look(side: object) -> tuple[object, set[object]]:
            scope = None if side is None else side.scope  # pyright: ignore[reportAttributeAccessIssue]  a Side
            async with platform.transaction(scope.id if scope else None) as transaction:
                await asyncio.sleep(chosen.random() / 200)
                seen = {row["tenant_id"] for row in await transaction.fetch("select tenant_id from sites")}
                if chosen.random() < 0.2:
                    with pytest.raises(TerminalError):
                        await transaction.fetch("select 1 / 0")
            return scope and scope.id, seen

        sides = [chosen.choice([pair.a, pair.b, None]) for _ in range(150)]
        for wanted, seen in await asyncio.gather(*(look(side) for side in sides)):
            assert seen == ({wanted} if wanted else set())


def test_scopes_are_made_by_the_registry_only():
    root = Path(__file__).parents[2]
    rooms = ("core", "cli", "ingestion", "lake", "quality", "assets", "orchestration", "agents", "modules", "bridge")
    makers = {
        str(file.relative_to(root))
        for room in rooms
        for file in (root / room).rglob("*.py")
        if "TenantScope(" in file.read_text(encoding="utf-8")
    }

    assert makers == {"core/tenancy/registry.py"}


async def test_audit_records_cannot_move_to_another_chain(tenancy: Tenancy, forger: Database):
    first, second = (
        await tenancy.create("iso-moved-a", "A", actor=_ACTOR),
        await tenancy.create("iso-moved-b", "B", actor=_ACTOR),
    )
    await forger.execute("delete from audit_log where tenant_id = $1", second.id)
    await forger.execute("update audit_log set tenant_id = $2 where tenant_id = $1", first.id, second.id)

    assert (await tenancy.audit.verify(second)).broken_at == 1
    assert (await tenancy.audit.verify(first)).broken_at == 1
