from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.audit.heads import Heads
from core.db import Database, TenantScope
from core.errors import DeniedError
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
pytestmark = pytest.mark.integration


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("audited-co", "Audited", actor=_ACTOR)


async def test_records_read_back_as_written(tenancy: Tenancy, scope: TenantScope):
    before, after = {"limit": 1.0, "big": 1e22}, {"limit": 2, "name": "Ünit"}

    seq = await tenancy.audit.record(scope, Actor.user("a@b.example"), "setting.change", "limit", before, after)

    newest = (await tenancy.audit.newest(scope, 1))[0]
    assert (newest.seq, newest.actor, newest.before, newest.after, newest.outcome) == (
        seq,
        Actor.user("a@b.example"),
        before,
        after,
        "done",
    )
    assert (await tenancy.audit.verify(scope)).ok


async def test_parallel_records_make_one_chain_without_holes(tenancy: Tenancy, scope: TenantScope):
    other = await tenancy.create("audited-two", "Audited too", actor=_ACTOR)

    seqs = await asyncio.gather(*(tenancy.audit.record(scope, _ACTOR, "x.y", str(n)) for n in range(20)))
    await asyncio.gather(*(tenancy.audit.record(other, _ACTOR, "x.y", str(n)) for n in range(5)))

    assert sorted(seqs) == list(range(min(seqs), min(seqs) + 20))
    assert (await tenancy.audit.verify(scope)).ok
    assert (await tenancy.audit.verify(other)).ok


@pytest.mark.parametrize("role", ["goldlayer_app", "goldlayer_admin", "goldlayer_owner"])
@pytest.mark.parametrize(
    "statement", ["update audit_log set outcome = 'x'", "delete from audit_log", "truncate audit_log"]
)
async def test_no_role_of_the_product_changes_the_log(
    tenancy: Tenancy, scope: TenantScope, prepared: Installation, role: str, statement: str
):
    async with await Database.open(prepared.postgres.dsn("platform", role)) as database:
        with pytest.raises(DeniedError):
            async with database.transaction(scope.id) as transaction:
                await transaction.execute(statement)


async def test_a_superuser_s_change_is_found_and_named(tenancy: Tenancy, prepared: Installation):
    scope = await tenancy.create("tampered-co", "Tampered", actor=_ACTOR)
    for number in range(3):
        await tenancy.audit.record(scope, _ACTOR, "x.y", str(number))

    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("alter table audit_log disable trigger all")
        await superuser.execute("update audit_log set target = 'z' where tenant_id = $1 and seq = 2", scope.id)
        changed = await tenancy.audit.verify(scope)
        await superuser.execute("delete from audit_log where tenant_id = $1 and seq >= 2", scope.id)
        await superuser.execute("alter table audit_log enable trigger all")

    assert (changed.ok, changed.broken_at, changed.records) == (False, 2, 1)
    cut = await tenancy.audit.verify(scope)
    assert (cut.ok, cut.broken_at, cut.reason) == (False, 2, "the end of the chain was cut off")


async def test_the_head_outside_the_database_never_goes_back(prepared: Installation, tenancy: Tenancy):
    scope = await tenancy.create("headed-co", "Headed", actor=_ACTOR)
    last = await tenancy.audit.record(scope, _ACTOR, "x.y", "z")
    file = prepared.run.path / "audit" / f"{scope.id}.head"
    assert json.loads(file.read_text())["seq"] == last

    Heads(file.parent).export(scope.id, 1, "older")

    assert json.loads(file.read_text())["seq"] == last
