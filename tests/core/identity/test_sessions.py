from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, NotFoundError
from core.identity import PASSWORD, Authority, Client, IdentityService
from core.settings import IdentitySettings
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation
    from tests.core.identity.conftest import People

TEST = Actor.command("test")
pytestmark = pytest.mark.integration
_CLIENT = Client("192.0.2.7", "a browser")


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("sessions-co", "Sessions", actor=TEST)


async def test_a_session_says_how_it_was_opened_and_from_where(
    service: IdentityService, scope: TenantScope, people: People
):
    person = await people.add(scope, "ann@sessions.example")

    tokens = await service.open_session(scope, person, PASSWORD, _CLIENT)

    identity = await service.verify(tokens.access)
    assert (identity.person_id, identity.session_id, identity.method) == (person, tokens.session_id, PASSWORD)
    (record,) = await service.sessions.all(scope, person)
    assert (record.id, record.address, record.device) == (tokens.session_id, "192.0.2.7", "a browser")
    assert tokens.access not in repr(tokens) and tokens.refresh not in repr(tokens)
    (member,) = [one for one in await service.people(scope) if one.id == person]
    assert member.last_sign_in is not None


async def test_nobody_but_an_active_member_gets_a_session(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People
):
    other = await tenancy.create("sessions-other", "Other", actor=TEST)
    stranger = await people.add(other, "bea@sessions.example")
    ended = await people.add(scope, "cid@sessions.example")
    await service.members.set_active(scope, ended, False, by=Authority(TEST, None))

    for person in (stranger, ended, uuid4()):
        with pytest.raises(DeniedError):
            await service.open_session(scope, person, PASSWORD)


async def test_a_refresh_token_is_good_once(service: IdentityService, scope: TenantScope, people: People):
    person = await people.add(scope, "dan@sessions.example")
    first = await service.open_session(scope, person, PASSWORD)

    second = await service.refresh(first.refresh)
    third = await service.refresh(second.refresh, session_id=first.session_id)

    assert first.session_id == second.session_id == third.session_id
    assert first.expires_at == third.expires_at
    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert (await service.verify(third.access)).person_id == person


async def test_a_stolen_refresh_token_ends_the_session_of_thief_and_victim(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People, prepared: Installation
):
    person = await people.add(scope, "eve@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    victim = await service.refresh((await service.refresh(opened.refresh)).refresh)
    assert await service.verify(victim.access)

    with pytest.raises(DeniedError):
        await service.refresh(opened.refresh)

    with pytest.raises(DeniedError):
        await service.refresh(victim.refresh)
    with pytest.raises(DeniedError):
        await service.verify(victim.access)
    elsewhere = IdentityService(tenancy, prepared.run, prepared.settings)
    with pytest.raises(DeniedError):
        await elsewhere.verify(victim.access)
    denied = [one for one in await tenancy.audit.newest(scope, 10) if one.action == "session.refresh"]
    assert {(one.outcome, str(one.actor)) for one in denied} == {("denied", "user:eve@sessions.example")}
    async with tenancy.platform.transaction(scope.id) as transaction:
        told = await transaction.fetch("select * from notifications where severity = 'critical'")
    # Once to the person and once to the administrators, not again for every later try.
    assert sorted((one["to_person"] == person, one["role_id"] is not None) for one in told) == [
        (False, True),
        (True, False),
    ]


async def _over(service: IdentityService, *tokens: str) -> bool:
    """Whether each of these is refused."""
    results = await asyncio.gather(*(service.refresh(one) for one in tokens), return_exceptions=True)
    return all(isinstance(one, DeniedError) for one in results)


async def test_a_token_whose_answer_was_lost_comes_again_and_goes_on(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    person = await people.add(scope, "lea@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    await service.refresh(opened.refresh)  # nobody hears it

    again = await service.refresh(opened.refresh)
    third = await service.refresh((await service.refresh(again.refresh)).refresh)

    assert third.session_id == opened.session_id
    assert (await service.verify(third.access)).person_id == person
    told = [one for one in await tenancy.audit.newest(scope, 9) if one.target == "lea@sessions.example"]
    told = [one for one in told if one.action == "session.refresh"]
    assert [(one.outcome, one.after["reason"]) for one in told] == [("done", "the answer before was not heard")]


async def test_many_that_come_at_once_with_one_token_may_go_on_as_one_and_not_as_two(
    service: IdentityService, scope: TenantScope, people: People
):
    person = await people.add(scope, "fay@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)

    results = await asyncio.gather(*(service.refresh(opened.refresh) for _ in range(4)))
    await service.refresh(results[2].refresh)

    assert await _over(service, results[0].refresh)
    assert await service.sessions.all(scope, person) == []


@pytest.mark.parametrize("order", sorted(set(permutations("vvtt"))), ids="".join)
async def test_victim_and_thief_of_one_token_both_end_whoever_comes_when(
    service: IdentityService, scope: TenantScope, people: People, order: tuple[str, ...]
):
    person = await people.add(scope, f"{''.join(order)}@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    holds = dict.fromkeys("vt", opened.refresh)

    for who in order:
        with contextlib.suppress(DeniedError):
            holds[who] = (await service.refresh(holds[who])).refresh

    assert await service.sessions.all(scope, person) == []
    assert await _over(service, opened.refresh, *holds.values())


async def test_victim_and_thief_who_come_at_once_end_with_their_next_step(
    service: IdentityService, scope: TenantScope, people: People
):
    person = await people.add(scope, "ole@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    first = await service.refresh(opened.refresh)

    both = await asyncio.gather(service.refresh(first.refresh), service.refresh(opened.refresh), return_exceptions=True)
    for one in both:
        if not isinstance(one, BaseException):
            with contextlib.suppress(DeniedError):
                await service.refresh(one.refresh)

    assert await service.sessions.all(scope, person) == []


@pytest.mark.parametrize("used_before", ["11 seconds", "none"])
async def test_after_the_grace_or_without_one_a_second_use_is_theft(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People, prepared: Installation,
    used_before: str,
):  # fmt: skip
    from core.db import Database

    if used_before == "none":
        strict = IdentitySettings(refresh_grace_s=0)
        service = IdentityService(tenancy, prepared.run, prepared.settings.model_copy(update={"identity": strict}))
    person = await people.add(scope, f"pia-{used_before[:2]}@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    following = await service.refresh(opened.refresh)
    if used_before != "none":
        async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
            change = "update refresh_tokens set used_at = used_at - interval '11 s' where session_id = $1"
            await superuser.execute(change, opened.session_id)

    assert await _over(service, opened.refresh)
    assert await _over(service, following.refresh)


async def _person(service: IdentityService, scope: TenantScope, email: str) -> Any:
    return next(one.id for one in await service.people(scope) if one.email == email)


async def test_a_token_of_another_session_is_refused_and_not_used_up(
    service: IdentityService, scope: TenantScope, people: People
):
    opened = await service.open_session(scope, await people.add(scope, "gil@sessions.example"), PASSWORD)

    with pytest.raises(DeniedError):
        await service.refresh(opened.refresh, session_id=uuid4())

    assert await service.refresh(opened.refresh)
    for made_up in ("", "glr_", "glr_" + "A" * 43, opened.access):
        with pytest.raises(DeniedError):
            await service.refresh(made_up)


@pytest.mark.parametrize(
    "change",
    [
        "update sessions set expires_at = now() where id = $1",
        "update sessions set last_used_at = now() - interval '25 hours' where id = $1",
        "update sessions set revoked_at = now() where id = $1",
    ],
)
async def test_a_session_that_is_over_is_not_renewed(
    service: IdentityService, scope: TenantScope, people: People, prepared: Installation, change: str
):
    from core.db import Database

    person = await people.add(scope, "hal@sessions.example")
    opened = await service.open_session(scope, person, PASSWORD)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute(change, opened.session_id)

    with pytest.raises(DeniedError):
        await service.refresh(opened.refresh)
    assert opened.session_id not in [one.id for one in await service.sessions.all(scope, person)]


async def test_a_session_that_was_ended_stops_here_at_once_and_elsewhere_within_seconds(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People, prepared: Installation
):
    elsewhere = IdentityService(tenancy, prepared.run, prepared.settings)
    person = await people.add(scope, "ida@sessions.example")
    one, other = [await service.open_session(scope, person, PASSWORD) for _ in range(2)]
    assert await elsewhere.verify(one.access)

    await service.sign_out(await service.verify(one.access))

    with pytest.raises(DeniedError):
        await service.verify(one.access)
    with pytest.raises(DeniedError):
        for _ in range(300):
            await elsewhere.verify(one.access)
            await asyncio.sleep(0.1)
    assert await service.verify(other.access)
    assert await service.sessions.end(scope, actor=TEST, person_id=person) == 1
    with pytest.raises(DeniedError):
        await service.verify(other.access)


async def test_a_session_of_another_tenant_is_answered_like_one_that_never_was(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People
):
    other = await tenancy.create("sessions-apart", "Apart", actor=TEST)
    opened = await service.open_session(other, await people.add(other, "joe@sessions.example"), PASSWORD)

    said: list[str] = []
    for session_id in (opened.session_id, uuid4()):
        with pytest.raises(NotFoundError) as refused:
            await service.sessions.end(scope, actor=TEST, session_id=session_id)
        said.append(str(refused.value).replace(str(session_id), "it"))

    assert said[0] == said[1]
    assert await service.verify(opened.access)
    assert opened.session_id not in [one.id for one in await service.sessions.all(scope)]


async def test_sessions_long_over_are_swept_out(
    service: IdentityService, scope: TenantScope, people: People, prepared: Installation
):
    from core.db import Database

    person = await people.add(scope, "kim@sessions.example")
    old = await service.open_session(scope, person, PASSWORD)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("update sessions set expires_at = now() - $1::interval", timedelta(days=31))
        await service.open_session(scope, person, PASSWORD)
        left = await superuser.fetch("select id from sessions where person_id = $1", person)
        tokens = await superuser.fetchval("select count(*) from refresh_tokens where session_id = $1", old.session_id)

    assert old.session_id not in [row["id"] for row in left] and len(left) == 1
    assert tokens == 0
