from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import PASSWORD, Authority, IdentityService
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.core.identity.conftest import People

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
ADMIN = Authority(TEST, None)


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("members-co", "Members", actor=TEST)


async def test_a_person_of_another_tenant_is_answered_like_one_that_never_was(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People
):
    other = await tenancy.create("members-apart", "Apart", actor=TEST)
    stranger = await people.add(other, "zoe@members.example")
    opened = await service.open_session(other, stranger, PASSWORD)
    acts = [
        lambda person: service.members.set_roles(scope, person, ["admin"], by=Authority.command("test")),
        lambda person: service.members.set_active(scope, person, False, by=Authority.command("test")),
        lambda person: service.members.unlock(scope, person, by=Authority.command("test")),
        lambda person: service.credentials.reset_link(scope, person, by=Authority.command("test")),
    ]

    said: set[str] = set()
    for act in acts:
        for person in (stranger, uuid4()):
            with pytest.raises(NotFoundError) as refused:
                await act(person)
            said.add(str(refused.value))

    assert said == {"no such person"}
    assert await service.sessions.end(scope, actor=TEST, person_id=stranger) == 0
    assert (await service.verify(opened.access)).person_id == stranger
    assert [one.roles for one in await service.people(other)] == [["viewer"]]
    assert "zoe" not in str(await service.people(scope))


async def test_roles_are_given_exactly_and_noted_before_and_after(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    person = await people.add(scope, "ann@members.example")

    await service.members.set_roles(scope, person, ["operator", "manager"], by=ADMIN)

    assert (await service.members.by_email(scope, "ANN@members.example")).roles == ["manager", "operator"]
    record = (await tenancy.audit.newest(scope, 1))[0]
    assert (record.action, record.before, record.after) == ("person.set_roles", ["viewer"], ["manager", "operator"])
    for roles in (["emperor"], []):
        with pytest.raises(InputError):
            await service.members.set_roles(scope, person, roles, by=ADMIN)


async def test_nobody_hands_out_or_touches_what_they_do_not_have(
    service: IdentityService, tenancy: Tenancy, people: People
):
    scope = await tenancy.create("members-reach", "Reach", actor=TEST)
    rights = {"DESK.READ": ["viewer", "operator"], "DESK.WRITE": ["operator"]}
    await service.grant_module_permissions(scope, "DESK", rights, actor=TEST)
    person = await people.add(scope, "bob@members.example")
    chief = await people.add(scope, "cat@members.example", "admin")
    helper = Authority(TEST, frozenset({"PLATFORM.MANAGE_PEOPLE", "DESK.READ"}))

    with pytest.raises(DeniedError, match="WRITE"):
        await service.members.set_roles(scope, person, ["operator"], by=helper)
    for act in (
        service.members.set_roles(scope, person, ["admin"], by=helper),
        service.members.set_roles(scope, chief, ["viewer"], by=helper),
        service.members.set_active(scope, chief, False, by=helper),
        service.invitations.invite(scope, "dan@members.example", "Dan", ["operator"], by=helper),
    ):
        with pytest.raises(DeniedError):
            await act

    await service.members.set_roles(scope, person, ["viewer"], by=helper)
    await service.members.set_active(scope, person, False, by=helper)
    # Every right of the administrator's role is not the administrator's role.
    everything = Authority(TEST, frozenset((await service.members.all(scope))[0].roles) | _PLATFORM | set(rights))
    with pytest.raises(DeniedError):
        await service.members.set_roles(scope, person, ["admin"], by=everything)


_PLATFORM = frozenset(
    f"PLATFORM.{name}"
    for name in ("MANAGE_PEOPLE", "MANAGE_ROLES", "MANAGE_MODULES", "MANAGE_SETTINGS", "MANAGE_BRIDGES", "READ_AUDIT")
)


async def test_the_last_administrator_stays_even_when_two_leave_at_once(
    service: IdentityService, tenancy: Tenancy, people: People
):
    scope = await tenancy.create("members-last", "Last", actor=TEST)
    first = await people.add(scope, "eve@members.example", "admin")
    second = await people.add(scope, "fay@members.example", "admin")
    viewer = await people.add(scope, "gus@members.example")

    results = await asyncio.gather(
        service.members.set_active(scope, first, False, by=ADMIN),
        service.members.set_roles(scope, second, ["viewer"], by=ADMIN),
        return_exceptions=True,
    )

    assert sorted(type(one) for one in results if one) == [InputError]
    left = [one for one in await service.people(scope) if one.active and "admin" in one.roles]
    assert len(left) == 1
    with pytest.raises(InputError, match="no administrator left"):
        await service.members.set_active(scope, left[0].id, False, by=ADMIN)
    await service.members.set_active(scope, viewer, False, by=ADMIN)


async def test_whoever_comes_back_signs_in_anew(service: IdentityService, scope: TenantScope, people: People):
    person = await people.add(scope, "hal@members.example")
    opened = await service.open_session(scope, person, PASSWORD)

    await service.members.set_active(scope, person, False, by=ADMIN)
    await service.members.set_active(scope, person, True, by=ADMIN)

    with pytest.raises(DeniedError):
        await service.verify(opened.access)
    with pytest.raises(DeniedError):
        await service.refresh(opened.refresh)
    assert await service.open_session(scope, person, PASSWORD)


async def test_rights_taken_away_are_gone_elsewhere_within_seconds(
    service: IdentityService, tenancy: Tenancy, scope: TenantScope, people: People, prepared
):
    elsewhere = IdentityService(tenancy, prepared.run, prepared.settings)
    person = await people.add(scope, "ida@members.example", "admin")
    await people.add(scope, "joe@members.example", "admin")
    opened = await service.open_session(scope, person, PASSWORD)
    assert "PLATFORM.MANAGE_PEOPLE" in (await elsewhere.verify(opened.access)).permissions

    await service.members.set_roles(scope, person, ["viewer"], by=ADMIN)

    assert "PLATFORM.MANAGE_PEOPLE" not in (await service.verify(opened.access)).permissions
    for _ in range(300):
        if "PLATFORM.MANAGE_PEOPLE" not in (await elsewhere.verify(opened.access)).permissions:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("the right is still there")
