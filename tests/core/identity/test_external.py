from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError
from core.identity import Authority, ExternalIdentity, IdentityService
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.core.identity.conftest import People

TEST = Actor.command("test")
pytestmark = pytest.mark.integration


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("external-co", "External", actor=TEST)


def _said(name: str, **changes: object) -> ExternalIdentity:
    said = ExternalIdentity("corporate", f"subject-{name}", f"{name}@external.example", name.title(), verified=True)
    return dataclasses.replace(said, **changes)  # pyright: ignore[reportArgumentType]  fields by name


async def test_a_member_is_linked_by_a_verified_address_and_then_known_by_subject(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    person = await people.add(scope, "ann@external.example")

    tokens = await service.sign_in_external(scope, _said("ann", email="ANN@external.example"))

    identity = await service.verify(tokens.access)
    assert (identity.person_id, identity.method) == (person, "external:corporate")
    renamed = await service.sign_in_external(scope, _said("ann", email="annie@external.example", verified=False))
    assert (await service.verify(renamed.access)).person_id == person
    assert "person.link" in [one.action for one in await tenancy.audit.newest(scope, 5)]


async def test_an_address_nobody_vouches_for_finds_nobody(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    await people.add(scope, "bob@external.example")

    for said in (_said("bob", verified=False), _said("nobody"), _said("nobody", verified=False)):
        with pytest.raises(DeniedError):
            await service.sign_in_external(scope, said, just_in_time_role=None)
    with pytest.raises(DeniedError):
        await service.sign_in_external(scope, _said("nobody", verified=False), just_in_time_role="viewer")

    assert (await tenancy.audit.newest(scope, 1))[0].outcome == "denied"


async def test_a_stranger_is_admitted_only_where_the_tenant_allows_it(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy
):
    first = await service.verify(
        (await service.sign_in_external(scope, _said("cat"), just_in_time_role="viewer")).access
    )
    again = await service.verify((await service.sign_in_external(scope, _said("cat"))).access)

    assert first.person_id == again.person_id
    (member,) = [one for one in await service.people(scope) if one.id == first.person_id]
    assert (member.name, member.roles) == ("Cat", ["viewer"])
    with pytest.raises(InputError, match="no such role"):
        await service.sign_in_external(scope, _said("dog"), just_in_time_role="emperor")
    with pytest.raises(DeniedError):
        await service.sign_in("external-co", "cat@external.example", "")


async def test_a_membership_that_was_ended_stays_ended(service: IdentityService, scope: TenantScope, people: People):
    ended = [await people.add(scope, f"{name}@external.example") for name in ("eve", "fay")]
    await service.sign_in_external(scope, _said("eve"))
    for person in ended:
        await service.members.set_active(scope, person, False, by=Authority(TEST, None))

    for name in ("eve", "fay"):
        with pytest.raises(DeniedError):
            await service.sign_in_external(scope, _said(name), just_in_time_role="admin")


async def test_an_address_given_to_somebody_else_does_not_hand_over_the_account(
    service: IdentityService, scope: TenantScope, people: People
):
    await people.add(scope, "gus@external.example", "admin")
    await service.sign_in_external(scope, _said("gus"))

    with pytest.raises(DeniedError):
        await service.sign_in_external(scope, _said("gus", subject="somebody new"), just_in_time_role="viewer")


async def test_a_provider_speaks_for_its_own_tenant_only(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("external-other", "Other", actor=TEST)
    person = await people.add(other, "hal@external.example", "admin")

    with pytest.raises(DeniedError):
        await service.sign_in_external(scope, _said("hal"))
    admitted = await service.verify(
        (await service.sign_in_external(scope, _said("hal"), just_in_time_role="viewer")).access
    )

    assert (admitted.person_id, admitted.tenant, admitted.permissions) == (person, scope, frozenset())
    with pytest.raises(DeniedError):
        await service.sign_in_external(other, _said("nobody", subject="subject-hal"))
    assert (await service.sessions.all(other, person)) == []


async def test_an_invitation_is_accepted_by_whom_the_provider_vouches_for(service: IdentityService, scope: TenantScope):
    by = Authority(TEST, None)
    link = await service.invitations.invite(scope, "ivy@external.example", "Ivy", ["operator", "viewer"], by=by)
    with pytest.raises(DeniedError):
        await service.sign_in_external(scope, _said("ivy", verified=False))

    tokens = await service.sign_in_external(scope, _said("ivy"))

    person = (await service.verify(tokens.access)).person_id
    (member,) = [one for one in await service.people(scope) if one.id == person]
    assert member.roles == ["operator", "viewer"]
    with pytest.raises(DeniedError):
        await service.invitations.look(link.token)
