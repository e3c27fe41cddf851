from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import jwt
import pytest
from argon2 import PasswordHasher

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import PASSWORD, Authority, IdentityService, passwords
from core.identity.credentials import ATTEMPTS
from core.tenancy import Tenancy
from tests.core.identity.conftest import PASSWORD as OLD

if TYPE_CHECKING:
    from tests.conftest import Installation
    from tests.core.identity.conftest import People

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
OPERATOR, ADMIN = Authority.command("test"), Authority(TEST, None)
NEW = "ann sold nine kettles"


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("credentials-co", "Credentials", actor=TEST)


async def test_a_changed_password_ends_every_other_session_in_every_tenant(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People
):
    other = await tenancy.create("credentials-other", "Other", actor=TEST)
    person = await people.add(scope, "ann@credentials.example")
    await people.add(other, "ann@credentials.example")
    here = await service.open_session(scope, person, PASSWORD)
    elsewhere = [await service.open_session(one, person, PASSWORD) for one in (scope, other)]
    identity = await service.verify(here.access)

    with pytest.raises(DeniedError):
        await service.credentials.change(identity, "not the old one", NEW)
    with pytest.raises(InputError):
        await service.credentials.change(identity, OLD, "password123")
    await service.credentials.change(identity, OLD, NEW)

    assert await service.verify(here.access)
    for opened in elsewhere:
        with pytest.raises(DeniedError):
            await service.refresh(opened.refresh)
    with pytest.raises(DeniedError):
        await service.sign_in("credentials-co", "ann@credentials.example", OLD)
    assert await service.sign_in("credentials-other", "ann@credentials.example", NEW)


async def test_a_reset_link_is_good_once_and_opens_a_locked_door(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    person = await people.add(scope, "bob@credentials.example")
    opened = await service.open_session(scope, person, PASSWORD)
    guesses = [service.sign_in("credentials-co", "bob@credentials.example", f"guess {n}") for n in range(ATTEMPTS)]
    await asyncio.gather(*guesses, return_exceptions=True)
    link, older = [await service.credentials.reset_link(scope, person, by=ADMIN) for _ in range(2)]

    with pytest.raises(InputError):
        await service.credentials.set_by_link(link.token, "bob@credentials")
    await service.credentials.set_by_link(link.token, NEW)

    for token in (link.token, older.token):
        with pytest.raises(DeniedError):
            await service.credentials.set_by_link(token, "another good one")
    with pytest.raises(DeniedError):
        await service.refresh(opened.refresh)
    assert await service.sign_in("credentials-co", "bob@credentials.example", NEW)
    assert link.token not in repr(link)
    assert link.token not in str(await tenancy.audit.newest(scope, 50))


async def test_a_link_that_is_old_edited_or_for_another_use_is_worth_nothing(
    service: IdentityService, scope: TenantScope, people: People, prepared: Installation
):
    person = await people.add(scope, "cat@credentials.example")
    link = await service.credentials.reset_link(scope, person, by=ADMIN)
    said = jwt.decode(link.token, options={"verify_signature": False})
    key = prepared.run.secret("link_key").encode()
    invitation = await service.invitations.invite(scope, "new@credentials.example", "New", ["viewer"], by=ADMIN)
    session = await service.open_session(scope, person, PASSWORD)

    for forged in (
        jwt.encode(said, "another key that is long enough for this", algorithm="HS256"),
        jwt.encode(said | {"exp": 1}, key, algorithm="HS256"),
        jwt.encode(said, None, algorithm="none"),
        invitation.token,
        session.access,
        link.token[:-2],
        "",
    ):
        with pytest.raises(DeniedError, match="not valid any more"):
            await service.credentials.set_by_link(forged, NEW)
    with pytest.raises(DeniedError):
        await service.verify(link.token)


async def test_a_link_does_not_outlive_the_membership(service: IdentityService, scope: TenantScope, people: People):
    person = await people.add(scope, "dan@credentials.example")
    link = await service.credentials.reset_link(scope, person, by=ADMIN)
    await service.members.set_active(scope, person, False, by=ADMIN)

    with pytest.raises(DeniedError):
        await service.credentials.set_by_link(link.token, NEW)


async def test_a_tenant_s_administrator_cannot_get_at_somebody_known_elsewhere(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People
):
    person = await people.add(scope, "eve@credentials.example")
    early = await service.credentials.reset_link(scope, person, by=ADMIN)
    other = await tenancy.create("credentials-apart", "Apart", actor=TEST)
    await people.add(other, "eve@credentials.example", "admin")

    with pytest.raises(DeniedError):
        await service.credentials.set_by_link(early.token, NEW)
    with pytest.raises(DeniedError):
        await service.credentials.reset_link(scope, person, by=ADMIN)
    with pytest.raises(DeniedError):
        await service.members.unlock(scope, person, by=ADMIN)

    link = await service.credentials.reset_link(scope, person, by=OPERATOR)
    await service.credentials.set_by_link(link.token, NEW)
    assert await service.sign_in("credentials-apart", "eve@credentials.example", NEW)


async def test_nobody_resets_whoever_may_do_more(service: IdentityService, scope: TenantScope, people: People):
    person = await people.add(scope, "fay@credentials.example", "admin")
    helper = Authority(TEST, frozenset({"PLATFORM.MANAGE_PEOPLE"}))

    for attempt in (service.credentials.reset_link, service.members.unlock):
        with pytest.raises(DeniedError):
            await attempt(scope, person, by=helper)
    with pytest.raises(NotFoundError):
        await service.credentials.reset_link(scope, uuid4(), by=helper)


async def test_unlocking_lets_try_again(service: IdentityService, scope: TenantScope, people: People):
    person = await people.add(scope, "gus@credentials.example")
    guesses = [service.sign_in("credentials-co", "gus@credentials.example", f"guess {n}") for n in range(ATTEMPTS)]
    await asyncio.gather(*guesses, return_exceptions=True)
    assert [one.locked for one in await service.people(scope) if one.id == person] == [True]

    await service.members.unlock(scope, person, by=ADMIN)

    assert await service.sign_in("credentials-co", "gus@credentials.example", OLD)


async def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(
    service: IdentityService,
    scope: TenantScope,
    prepared: Installation,
    product_hasher: Callable[[], PasswordHasher],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(passwords, "_hasher", product_hasher)
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(OLD)
    await service.members.add(scope, "hal@credentials.example", "Hal", weak, "viewer", actor=TEST)
    link = None
    (person,) = [one.id for one in await service.people(scope) if one.name == "Hal"]
    link = await service.credentials.reset_link(scope, person, by=ADMIN)

    await service.sign_in("credentials-co", "hal@credentials.example", OLD)

    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        kept = await superuser.fetchval("select password_hash from people where id = $1", person)
    assert kept != weak and "m=65536" in kept
    # The same password under another hash: a link that is out stays good.
    await service.credentials.set_by_link(link.token, NEW)


async def test_the_platform_s_own_door_leads_to_one_s_own_tenants_only(
    service: IdentityService, tenancy: Tenancy, people: People
):
    a, b, c = [await tenancy.create(f"door-{name}", name.title(), actor=TEST) for name in ("a", "b", "c")]
    person = await people.add(a, "ida@credentials.example")
    await people.add(b, "ida@credentials.example", "admin")
    await people.add(c, "joe@credentials.example")

    ticket, mine = await service.tenants_to_enter("ida@credentials.example", OLD)
    assert mine == [a, b]
    for wrong in (("ida@credentials.example", "wrong"), ("nobody@credentials.example", OLD)):
        with pytest.raises(DeniedError, match="sign-in is refused"):
            await service.tenants_to_enter(*wrong)
    entered = await service.verify((await service.enter(ticket.token, "door-b")).access)
    assert (entered.person_id, entered.tenant, entered.admin) == (person, b, True)
    said: set[str] = set()
    for slug in ("door-c", "door-z"):
        for attempt in (service.enter(ticket.token, slug), service.switch(entered, slug)):
            with pytest.raises(DeniedError) as refused:
                await attempt
            said.add(str(refused.value).replace(slug, "it"))
    assert len(said) == 1

    switched = await service.verify((await service.switch(entered, "door-a")).access)
    assert (switched.tenant, switched.admin) == (a, False)
    assert await service.tenants_of(switched) == [a, b]
    await service.members.set_active(a, person, False, by=ADMIN)
    assert await service.tenants_of(entered) == [b]


async def test_a_provider_s_session_leads_nowhere_else(service: IdentityService, tenancy: Tenancy, people: People):
    from core.identity import ExternalIdentity

    ours = await tenancy.create("hostile-co", "Hostile", actor=TEST)
    theirs = await tenancy.create("victim-co", "Victim", actor=TEST)
    await people.add(theirs, "kim@credentials.example", "admin")
    claimed = ExternalIdentity("ours", "made up", "kim@credentials.example", "Kim", verified=True)

    opened = await service.sign_in_external(ours, claimed, just_in_time_role="admin")
    identity = await service.verify(opened.access)

    assert await service.tenants_of(identity) == [ours]
    with pytest.raises(DeniedError):
        await service.switch(identity, "victim-co")
