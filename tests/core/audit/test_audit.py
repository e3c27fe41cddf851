from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from core.audit import Actor, ActorKind, Interface, request
from core.audit.heads import Heads
from core.audit.reading import Filters, newest, oldest
from core.db import Database, TenantScope
from core.errors import DeniedError
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")


@pytest.fixture
def scope() -> TenantScope:
    """A chain outlives its tenant, so it needs none."""
    return TenantScope(uuid4(), "audited-co", "Audited")


async def test_records_read_back_as_written(tenancy: Tenancy, scope: TenantScope):
    before, after = {"limit": 1.0, "big": 1e22}, {"limit": 2, "name": "Ünit"}

    seq = await tenancy.audit.record(scope, Actor.user("a@b.example"), "setting.change", "limit", before, after)

    record = (await tenancy.audit.newest(scope, 1))[0]
    assert (record.seq, record.actor, record.before, record.after, record.outcome) == (
        seq,
        Actor.user("a@b.example"),
        before,
        after,
        "done",
    )
    assert (await tenancy.audit.verify(scope)).ok


@pytest.mark.parametrize("kind", ActorKind)
async def test_every_kind_of_actor_is_kept_with_its_face_and_request(
    tenancy: Tenancy, scope: TenantScope, kind: ActorKind
):
    with request(Interface.UI, "request-7"):
        await tenancy.audit.record(scope, Actor(kind, "name", "ann@b.example"), "x.y", "z")

    record = (await tenancy.audit.newest(scope, 1))[0]
    faces = {ActorKind.USER: "ui", ActorKind.API_KEY: "ui", ActorKind.AGENT: "agent", ActorKind.BRIDGE: "bridge"}
    faces[ActorKind.COMMAND] = "cli"
    assert (record.actor, record.request_id) == (Actor(kind, "name", "ann@b.example"), "request-7")
    assert record.interface == faces.get(kind, "internal")


async def test_a_change_and_its_record_are_there_together_or_not_at_all(tenancy: Tenancy):
    scope = await tenancy.create("atomic-co", "Atomic", actor=_ACTOR)
    change = "update roles set name = $1 where code = 'viewer'"

    async with tenancy.platform.transaction(scope.id) as transaction:
        tenancy.audit.note(transaction, scope, _ACTOR, "role.rename", "viewer", "Viewer", "Reader")
        await transaction.execute(change, "Reader")
    with pytest.raises(RuntimeError):
        async with tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(change, "Undone")
            tenancy.audit.note(transaction, scope, _ACTOR, "role.rename", "viewer", "Reader", "Undone")
            raise RuntimeError

    records = await tenancy.audit.newest(scope)
    assert [record.after for record in records if record.action == "role.rename"] == ["Reader"]
    assert (await tenancy.audit.verify(scope)).ok


async def test_the_chain_is_locked_at_commit_only(tenancy: Tenancy, scope: TenantScope):
    async with tenancy.platform.transaction(scope.id) as slow:
        tenancy.audit.note(slow, scope, _ACTOR, "x.slow", "z")
        # Would wait for ever if the open transaction held the chain.
        assert await asyncio.wait_for(tenancy.audit.record(scope, _ACTOR, "x.fast", "z"), 30) == 1

    assert [record.action for record in await tenancy.audit.newest(scope)] == ["x.slow", "x.fast"]


async def test_parallel_records_make_one_chain_without_holes(tenancy: Tenancy, scope: TenantScope):
    other = TenantScope(uuid4(), "audited-two", "Audited too")

    seqs = await asyncio.gather(*(tenancy.audit.record(scope, _ACTOR, "x.y", str(n)) for n in range(20)))
    await asyncio.gather(*(tenancy.audit.record(other, _ACTOR, "x.y", str(n)) for n in range(5)))

    assert sorted(seqs) == list(range(1, 21))
    assert (await tenancy.audit.verify(scope)).ok
    assert (await tenancy.audit.verify(other)).ok


@pytest.mark.parametrize("role", ["goldlayer_app", "goldlayer_admin", "goldlayer_owner", "postgres"])
@pytest.mark.parametrize(
    "statement", ["update audit_log set outcome = 'x'", "delete from audit_log", "truncate audit_log"]
)
async def test_nobody_changes_the_log_without_switching_its_trigger_off(
    tenancy: Tenancy, scope: TenantScope, prepared: Installation, role: str, statement: str
):
    await tenancy.audit.record(scope, _ACTOR, "x.y", "z")
    async with await Database.open(prepared.postgres.dsn("platform", role)) as database:
        with pytest.raises(DeniedError):
            async with database.transaction(scope.id) as transaction:
                await transaction.execute(statement)


async def test_filters_leave_out_what_does_not_match(tenancy: Tenancy, scope: TenantScope):
    await tenancy.audit.record(scope, Actor.user("ann@b.example"), "person.sign_in", "ann@b.example")
    await tenancy.audit.record(
        scope, Actor.agent("ANALYST", "ann@b.example"), "tool.call", "FLEET.rank_100%", outcome="denied"
    )
    await tenancy.audit.record(scope, Actor.user("bob@b.example"), "person.set_roles", "ann@b.example")
    wanted: list[tuple[list[int], dict[str, str]]] = [
        ([1, 2], {"actor": "ann@*"}),
        ([2], {"actor": "agent:*"}),
        ([1, 3], {"action": "person.*"}),
        ([], {"action": "person"}),
        ([2], {"target": "*100%"}),
        ([], {"target": "*100_"}),
        ([2], {"outcome": "denied"}),
    ]

    async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
        for seqs, fields in wanted:
            found = await newest(transaction, Filters(chain=scope.id, **fields), 10)
            assert sorted(record.seq for record in found) == seqs, fields
        third = (await newest(transaction, Filters(), 1))[0]
        assert [one.seq async for one in oldest(transaction, Filters(until=third.at))] == [1, 2]
        assert [one.seq async for one in oldest(transaction, Filters(since=third.at))] == [3]
        assert [one.seq async for one in oldest(transaction, Filters(request_id=third.request_id))] == [3]


async def test_a_long_log_is_read_page_by_page(tenancy: Tenancy, scope: TenantScope, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.audit.reading._PAGE", 3)
    for number in range(7):
        await tenancy.audit.record(scope, _ACTOR, "x.y", str(number))

    async with tenancy.platform.transaction(scope.id, readonly=True) as transaction:
        assert [one.seq async for one in oldest(transaction, Filters())] == [1, 2, 3, 4, 5, 6, 7]


async def test_the_head_outside_the_database_never_goes_back(
    prepared: Installation, tenancy: Tenancy, scope: TenantScope
):
    last = await tenancy.audit.record(scope, _ACTOR, "x.y", "z")
    file = prepared.run.path / "audit" / f"{scope.id}.head"
    assert json.loads(file.read_text())["seq"] == last

    Heads(file.parent).export(scope.id, 0, "older")

    assert json.loads(file.read_text())["seq"] == last


def test_a_head_noted_under_a_slug_is_taken_over_once(tmp_path: Path):
    heads, chain = Heads(tmp_path), UUID(int=5)
    (tmp_path / "old-co.head").write_text('{"seq": 4, "mac": "m"}\n')

    heads.adopt("old-co", chain)
    heads.adopt("old-co", chain)

    assert heads.read(chain) == (4, "m")
    assert heads.chains() == {chain}
