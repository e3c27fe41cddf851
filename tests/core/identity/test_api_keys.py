from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, InputError, NotFoundError, TooManyRequestsError
from core.identity import Authority, IdentityService
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
ADMIN = Authority(TEST, None)


@pytest.fixture
async def scope(tenancy: Tenancy, service: IdentityService) -> TenantScope:
    scope = await tenancy.create("keys-co", "Keys", actor=TEST)
    rights = {"DESK.READ": ["viewer", "operator"], "DESK.WRITE": ["operator"]}
    await service.grant_module_permissions(scope, "DESK", rights, actor=TEST)
    return scope


async def test_a_key_acts_as_its_principal_and_is_shown_once(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, prepared: Installation
):
    made = await service.api_keys.create(scope, "reporting", "nightly export", ["viewer", "operator"], by=ADMIN)

    identity = await service.verify(made.key)

    assert (identity.email, identity.tenant, identity.session_id) == ("reporting", scope, None)
    assert (identity.permissions, identity.admin) == ({"DESK.READ", "DESK.WRITE"}, False)
    assert str(identity.actor) == "api_key:reporting"
    (record,) = [one for one in await service.api_keys.all(scope) if one.id == made.id]
    assert (record.purpose, record.roles, record.limited_to) == ("nightly export", ["operator", "viewer"], None)
    assert record.last_used_at is not None and record.prefix in made.key
    secret = made.key.rsplit("_", 1)[1]
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        kept = await superuser.fetch("select api_keys::text as line from api_keys")
    told = (str(kept), repr(made), str(await tenancy.audit.newest(scope, 20)), str(await service.api_keys.all(scope)))
    assert [text for text in told if secret in text] == []
    with pytest.raises(DeniedError):
        _ = identity.session


async def test_a_key_can_be_limited_to_some_permissions(service: IdentityService, scope: TenantScope):
    made = await service.api_keys.create(
        scope, "watcher", "reads only", ["operator", "admin"], limited_to=["DESK.READ"], by=ADMIN
    )

    identity = await service.verify(made.key)

    assert (identity.permissions, identity.admin) == ({"DESK.READ"}, False)
    with pytest.raises(DeniedError):
        Authority.of(identity).require_reach(["DESK.WRITE"])
    for limit in (["DESK.READ", "OTHER.RIGHT"], []):
        with pytest.raises(InputError):
            await service.api_keys.create(scope, "watcher", "x", ["operator", "admin"], limited_to=limit, by=ADMIN)


async def test_a_key_stops_when_it_is_revoked_here_at_once_elsewhere_within_seconds(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, prepared: Installation
):
    elsewhere = IdentityService(tenancy, prepared.run, prepared.settings)
    one, other = [await service.api_keys.create(scope, "stopper", f"key {n}", ["viewer"], by=ADMIN) for n in range(2)]
    assert await elsewhere.verify(one.key)

    await service.api_keys.revoke(scope, one.id, by=ADMIN)

    with pytest.raises(DeniedError):
        await service.verify(one.key)
    with pytest.raises(DeniedError):
        for _ in range(300):
            await elsewhere.verify(one.key)
            await asyncio.sleep(0.1)
    assert await service.verify(other.key)
    with pytest.raises(NotFoundError):
        await service.api_keys.revoke(scope, one.id, by=ADMIN)


async def test_a_key_ends_with_its_time_and_its_tenant(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, prepared: Installation
):
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = await service.api_keys.create(scope, "brief", "for an hour", ["viewer"], expires_at=soon, by=ADMIN)
    assert await service.verify(made.key)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("update api_keys set expires_at = now() where id = $1", made.id)
    service = IdentityService(tenancy, prepared.run, prepared.settings)
    with pytest.raises(DeniedError):
        await service.verify(made.key)

    other = await tenancy.create("keys-suspended", "Suspended", actor=TEST)
    theirs = await service.api_keys.create(other, "brief", "x", ["viewer"], by=ADMIN)
    await tenancy.suspend(other, actor=TEST)
    with pytest.raises(DeniedError):
        await service.verify(theirs.key)


@pytest.mark.parametrize(
    "wrong",
    [
        {"principal": "Not A Name"},
        {"principal": ""},
        {"purpose": " "},
        {"roles": []},
        {"roles": ["emperor"]},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"expires_at": datetime(2999, 1, 1)},
        {"per_minute": 0},
        {"per_minute": 100_001},
    ],
)
async def test_a_key_that_cannot_be(service: IdentityService, scope: TenantScope, wrong: dict[str, Any]):
    asked = {"principal": "fine", "purpose": "fine", "roles": ["viewer"]} | wrong

    with pytest.raises(InputError):
        await service.api_keys.create(scope, by=ADMIN, **asked)


async def test_nobody_makes_a_key_that_may_do_more_than_they(service: IdentityService, scope: TenantScope):
    helper = Authority(TEST, frozenset({"PLATFORM.MANAGE_PEOPLE", "DESK.READ"}))

    for roles in (["operator"], ["admin"]):
        with pytest.raises(DeniedError):
            await service.api_keys.create(scope, "climber", "x", roles, by=helper)
    limited = await service.api_keys.create(scope, "climber", "x", ["operator"], limited_to=["DESK.READ"], by=helper)

    assert (await service.verify(limited.key)).permissions == {"DESK.READ"}
    with pytest.raises(InputError, match="other roles"):
        await service.api_keys.create(scope, "climber", "x", ["viewer"], by=ADMIN)


async def test_keys_stay_in_their_tenant(service: IdentityService, scope: TenantScope, tenancy: Tenancy):
    other = await tenancy.create("keys-apart", "Apart", actor=TEST)
    theirs = await service.api_keys.create(other, "reporting", "theirs", ["viewer"], by=ADMIN)

    assert "theirs" not in [one.purpose for one in await service.api_keys.all(scope)]
    said: set[str] = set()
    for key_id in (theirs.id, uuid4()):
        with pytest.raises(NotFoundError) as refused:
            await service.api_keys.revoke(scope, key_id, by=ADMIN)
        said.add(str(refused.value))
    assert said == {"no such key"}
    assert (await service.verify(theirs.key)).tenant == other
    prefix, secret = theirs.key.rsplit("_", 1)
    for forged in (f"{prefix}_{'A' * 43}", f"gl_{'0' * 16}_{secret}", theirs.key + "x", "gl_", "gl_'; --"):
        with pytest.raises(DeniedError):
            await service.verify(forged)


async def test_what_a_role_loses_its_keys_lose(service: IdentityService, scope: TenantScope):
    code = await service.roles.create(scope, "Exporter", ["DESK.READ", "DESK.WRITE"], by=ADMIN)
    made = await service.api_keys.create(scope, "exporter", "x", [code], by=ADMIN)
    assert (await service.verify(made.key)).permissions == {"DESK.READ", "DESK.WRITE"}

    await service.roles.set_permissions(scope, code, ["DESK.READ"], by=ADMIN)

    assert (await service.verify(made.key)).permissions == {"DESK.READ"}
    with pytest.raises(InputError, match="in use"):
        await service.roles.delete(scope, code, by=ADMIN)


async def test_a_key_may_be_used_so_often_a_minute_and_no_more(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy
):
    made = await service.api_keys.create(scope, "eager", "x", ["viewer"], per_minute=3, by=ADMIN)
    other = await service.api_keys.create(scope, "eager", "y", ["viewer"], by=ADMIN)

    for _ in range(3):
        await service.verify(made.key)
    for _ in range(5):
        with pytest.raises(TooManyRequestsError) as refused:
            await service.verify(made.key)

    assert 0 < refused.value.retry_after_s <= 20
    assert await service.verify(other.key)
    told = [one for one in await tenancy.audit.newest(scope, 20) if str(one.actor) == "api_key:eager"]
    (record,) = [one for one in told if one.action == "api_key.use"]
    assert record.outcome == "denied"
    assert record.after == {"reason": "more than 3 requests a minute"}
    rates = {one.purpose: one.per_minute for one in await service.api_keys.all(scope) if one.principal == "eager"}
    assert rates == {"x": 3, "y": 100}


async def test_a_key_that_is_refused_is_on_record_and_a_flood_of_it_is_not(service: IdentityService, tenancy: Tenancy):
    scope = await tenancy.create("keys-flooded", "Flooded", actor=TEST)
    made = await service.api_keys.create(scope, "gone", "x", ["viewer"], by=ADMIN)
    prefix = made.key.split("_")[1]
    await service.api_keys.revoke(scope, made.id, by=ADMIN)

    for key in [made.key, f"gl_{prefix}_{'A' * 43}"] * 5:
        with pytest.raises(DeniedError) as refused:
            await service.verify(key)
        assert str(refused.value) == "the key is not valid; next: ask an administrator for a new one"

    told = [one for one in await tenancy.audit.newest(scope, 20) if one.action == "api_key.use"]
    assert {(str(one.actor), one.target, one.outcome) for one in told} == {(f"api_key:{prefix}", prefix, "denied")}
    assert sorted(one.after["reason"] for one in told) == ["it was revoked or has expired", "its secret is wrong"]
