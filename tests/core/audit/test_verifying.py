"""What somebody with the superuser's rights on the database can do, and that none of it goes unnoticed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.audit.chain import GENESIS, PLATFORM_CHAIN, mac_of
from core.db import Database, TenantScope
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_ACTOR = Actor.command("test")
_LENGTH = 5
_AT = datetime(2026, 1, 1, tzinfo=UTC)
# A chain as somebody without the key would rebuild it: every hash a plain SHA-256 of the row and the hash before.
_REBUILD = """
do $$
declare
    one record;
    previous text := repeat('0', 64);
begin
    for one in select * from audit_log where chain = '{chain}' order by seq loop
        update audit_log set previous_mac = previous,
            mac = encode(sha256(convert_to(concat_ws('|', one.seq, one.actor, one.target, previous), 'utf8')), 'hex')
        where chain = one.chain and seq = one.seq returning mac into previous;
    end loop;
end $$"""
_ATTACKS: dict[str, tuple[str, int, str]] = {
    "edited": ("update audit_log set after = '9' where chain = '{chain}' and seq = 2", 2, "the record was changed"),
    "another actor": (
        "update audit_log set actor_kind = 'agent' where chain = '{chain}' and seq = 4", 4, "the record was changed",
    ),
    "older format": (
        "update audit_log set format = 1 where chain = '{chain}' and seq = 3", 3, "the record was changed",
    ),
    "removed": ("delete from audit_log where chain = '{chain}' and seq = 3", 3, "the record is missing"),
    "closed up": (
        "delete from audit_log where chain = '{chain}' and seq = 3;"
        "update audit_log set seq = seq - 1 where chain = '{chain}' and seq = 4;"
        "update audit_log set seq = seq - 1 where chain = '{chain}' and seq = 5",
        3,
        "the record does not follow the one before",
    ),
    "tail cut": ("delete from audit_log where chain = '{chain}' and seq > 3", 4, "the end of the chain was cut off"),
    "emptied": ("delete from audit_log where chain = '{chain}'", 1, "the end of the chain was cut off"),
    "swapped": (
        "update audit_log set seq = 9 where chain = '{chain}' and seq = 2;"
        "update audit_log set seq = 2 where chain = '{chain}' and seq = 3;"
        "update audit_log set seq = 3 where chain = '{chain}' and seq = 9",
        2,
        "the record does not follow the one before",
    ),
    "swapped and relinked": (
        "update audit_log set seq = 9 where chain = '{chain}' and seq = 2;"
        "update audit_log set seq = 2 where chain = '{chain}' and seq = 3;"
        "update audit_log set seq = 3 where chain = '{chain}' and seq = 9;"
        "update audit_log a set previous_mac = b.mac from audit_log b"
        " where a.chain = '{chain}' and b.chain = a.chain and b.seq = a.seq - 1",
        2,
        "the record was changed",
    ),
    "rebuilt with a plain hash": (_REBUILD, 1, "the record was changed"),
    "forged end": (
        "insert into audit_log (tenant_id, seq, at, format, actor_kind, actor, interface, request_id, action, target,"
        " outcome, previous_mac, mac) select tenant_id, seq + 1, at, format, actor_kind, actor, interface, request_id,"
        " action, 'forged', outcome, mac, mac from audit_log where chain = '{chain}' and seq = 5",
        6,
        "the record was changed",
    ),
}  # fmt: skip


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    scope = TenantScope(uuid4(), "tampered-co", "Tampered")
    for number in range(_LENGTH):
        await tenancy.audit.record(scope, _ACTOR, "x.y", str(number), number, number + 1)
    return scope


@pytest.mark.parametrize("attack", _ATTACKS)
async def test_the_first_broken_link_is_named(tenancy: Tenancy, forger: Database, scope: TenantScope, attack: str):
    statements, seq, reason = _ATTACKS[attack]

    await forger.execute(statements.replace("{chain}", str(scope.id)))

    found = await tenancy.audit.verify(scope)
    assert (found.chain, found.broken_at, found.reason) == (scope.id, seq, reason)
    assert (found.ok, found.records) == (False, seq - 1)


async def test_a_whole_chain_that_vanished_is_missed_among_all(tenancy: Tenancy, forger: Database, scope: TenantScope):
    await forger.execute("delete from audit_log where chain = $1", scope.id)

    found = {one.chain: one for one in await tenancy.admin.verify(_ACTOR)}

    assert (found[scope.id].broken_at, found[scope.id].reason) == (1, "the end of the chain was cut off")
    assert found[PLATFORM_CHAIN].ok


async def test_a_chain_without_a_head_outside_says_so(tenancy: Tenancy, prepared: Installation, scope: TenantScope):
    (prepared.run.path / "audit" / f"{scope.id}.head").unlink()

    found = await tenancy.audit.verify(scope)

    assert (found.ok, found.anchored, found.records) == (True, False, _LENGTH)


async def test_records_of_before_are_verified_and_read(tenancy: Tenancy, forger: Database, prepared: Installation):
    key, scope, at = prepared.run.secret("audit_key").encode(), TenantScope(uuid4(), "older-co", "Older"), _AT
    row = {"format": 1, "actor": "person:ann@b.example", "action": "x.y", "target": "z", "before": None}
    row |= {"after": '{"a": 1}', "outcome": "done"}
    mac = mac_of(key, scope.id, 1, at, row, GENESIS)
    await forger.execute(
        "insert into audit_log (tenant_id, seq, at, format, actor, action, target, after, outcome, previous_mac, mac)"
        " values ($1, 1, $2, 1, 'person:ann@b.example', 'x.y', 'z', $3::text::json, 'done', $4, $5)",
        *(scope.id, at, row["after"], GENESIS, mac),
    )

    await tenancy.audit.record(scope, _ACTOR, "x.y", "z")

    assert (await tenancy.audit.verify(scope)).records == 2
    older = (await tenancy.audit.newest(scope))[1]
    assert (older.actor, older.interface, older.after) == (Actor.user("ann@b.example"), None, {"a": 1})


@pytest.mark.parametrize("noted", ["nonsense", "[]", '{"seq": "x"}', "\udcff", None])
async def test_a_spoilt_head_stops_nobody_and_is_told_of_until_somebody_looks(
    tenancy: Tenancy, prepared: Installation, scope: TenantScope, noted: str | None
):
    file = prepared.run.path / "audit" / f"{scope.id}.head"
    file.unlink()
    if noted is None:
        file.mkdir()
    else:
        file.write_text(noted, errors="surrogateescape")

    await tenancy.audit.record(scope, _ACTOR, "x.y", "after")

    found = await tenancy.audit.verify(scope)
    assert (found.ok, found.records, found.broken_at) == (False, _LENGTH + 1, None)
    assert str(found).startswith("BROKEN: ") and str(file) in str(found)
    others = await tenancy.admin.verify(_ACTOR)
    assert {one.chain: one.ok for one in others}[PLATFORM_CHAIN]


async def test_a_change_that_is_durable_is_not_reported_as_undone_for_its_head(
    tenancy: Tenancy, prepared: Installation, scope: TenantScope
):
    file = prepared.run.path / "audit" / f"{scope.id}.head"
    file.unlink()
    file.mkdir()

    async with tenancy.platform.transaction(scope.id) as transaction:
        tenancy.audit.note(transaction, scope, _ACTOR, "x.y", "durable")

    assert (await tenancy.audit.newest(scope, limit=1))[0].target == "durable"
    file.rmdir()
    await tenancy.audit.record(scope, _ACTOR, "x.y", "next")
    found = await tenancy.audit.verify(scope)
    assert (found.ok, found.anchored, found.records) == (True, True, _LENGTH + 2)


async def test_a_file_that_is_no_head_is_nobody_s_chain(tenancy: Tenancy, prepared: Installation, scope: TenantScope):
    stranger = prepared.run.path / "audit" / "zzzzzzzz-1234-copy.head"
    stranger.write_text("x")

    found = await tenancy.admin.verify(_ACTOR)

    stranger.unlink()
    assert scope.id in {one.chain for one in found}


async def test_texts_the_database_cannot_hold_are_recorded_all_the_same(tenancy: Tenancy, scope: TenantScope):
    await tenancy.audit.record(scope, Actor.user("a\0b@c.example"), "x.y", "half \ud800", None, {"n": float("nan")})

    newest = (await tenancy.audit.newest(scope, limit=1))[0]
    assert (newest.actor.name, newest.target, newest.after) == ("a\\x00b@c.example", "half \\ud800", {"n": "nan"})
    assert (await tenancy.audit.verify(scope)).ok
