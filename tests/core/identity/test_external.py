from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError
from core.identity import Authority, ClaimedRoles, ExternalIdentity, IdentityService
from core.tenancy import Tenancy
from tests.core.identity.conftest import PASSWORD

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

    assert (admitted.tenant, admitted.name, admitted.permissions) == (scope, "Hal", frozenset())
    assert admitted.person_id != person
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


def _roles(*given: str, governed: tuple[str, ...] = ("admin", "manager", "operator")) -> ClaimedRoles:
    return ClaimedRoles(frozenset(given), frozenset(governed))


async def _roles_of(service: IdentityService, scope: TenantScope, email: str) -> list[str]:
    return (await service.members.by_email(scope, email)).roles


async def test_roles_follow_the_provider_as_far_as_it_governs(
    service: IdentityService, people: People, tenancy: Tenancy
):
    scope = await tenancy.create("following-co", "Following", actor=TEST)
    person = await people.add(scope, "jo@external.example", "viewer")
    await people.add(scope, "boss@external.example", "admin")

    tokens = await service.sign_in_external(scope, _said("jo", roles=_roles("manager", "admin")))

    assert await _roles_of(service, scope, "jo@external.example") == ["admin", "manager", "viewer"]
    assert (await service.verify(tokens.access)).admin
    changed = (await tenancy.audit.newest(scope, 2))[1]
    assert (changed.action, changed.before, changed.after) == (
        "person.set_roles",
        ["viewer"],
        ["admin", "manager", "viewer"],
    )
    # What it takes is gone from sessions that are open, what an administrator gave stays.
    await service.sign_in_external(scope, _said("jo", roles=_roles("operator")))
    assert await _roles_of(service, scope, "jo@external.example") == ["operator", "viewer"]
    assert not (await service.verify(tokens.access)).admin
    await service.sign_in_external(scope, _said("jo"))
    assert await _roles_of(service, scope, "jo@external.example") == ["operator", "viewer"]
    await service.members.set_roles(scope, person, ["operator"], by=Authority(TEST, None))
    with pytest.raises(DeniedError):
        await service.sign_in_external(scope, _said("jo", roles=_roles()))
    assert await _roles_of(service, scope, "jo@external.example") == []
    assert (await tenancy.audit.newest(scope, 1))[0].after["reason"] == "the provider gives no role"


async def test_a_provider_cannot_leave_a_tenant_without_administrator(
    service: IdentityService, people: People, tenancy: Tenancy
):
    scope = await tenancy.create("leaderless-co", "Leaderless", actor=TEST)
    await people.add(scope, "kim@external.example", "admin")

    await service.sign_in_external(scope, _said("kim", roles=_roles("operator")))
    assert await _roles_of(service, scope, "kim@external.example") == ["admin", "operator"]

    await people.add(scope, "lou@external.example", "admin")
    await service.sign_in_external(scope, _said("kim", roles=_roles("operator")))
    assert await _roles_of(service, scope, "kim@external.example") == ["operator"]


async def test_a_stranger_to_whom_the_provider_gives_roles_is_admitted_with_them(
    service: IdentityService, tenancy: Tenancy
):
    scope = await tenancy.create("admitting-co", "Admitting", actor=TEST)

    await service.sign_in_external(scope, _said("mia", roles=_roles("manager", "operator")))
    assert await _roles_of(service, scope, "mia@external.example") == ["manager", "operator"]
    for said in (_said("ned", roles=_roles()), _said("ned", roles=_roles("operator"), verified=False)):
        with pytest.raises(DeniedError):
            await service.sign_in_external(scope, said)
    with pytest.raises(InputError, match="no such role"):
        await service.sign_in_external(scope, _said("ned", roles=_roles("emperor")))
    assert [one.email for one in await service.people(scope)] == ["mia@external.example"]


async def test_a_password_chosen_before_a_provider_vouched_opens_nothing_of_its_tenant(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    # Whoever administers another tenant names somebody else's address first, and so chooses its password.
    elsewhere = await tenancy.create("external-first", "First", actor=TEST)
    await people.add(elsewhere, "victim@external.example")
    await service.invitations.invite(scope, "invited@external.example", "", ["viewer"], by=Authority.command("test"))
    await people.add(elsewhere, "invited@external.example")

    for name in ("victim", "invited"):
        vouched = await service.sign_in_external(scope, _said(name), just_in_time_role="admin")

        assert (await service.verify(vouched.access)).tenant == scope
        with pytest.raises(DeniedError):
            await service.sign_in(scope.slug, f"{name}@external.example", PASSWORD)
        ticket, choices = await service.tenants_to_enter(f"{name}@external.example", PASSWORD)
        assert choices == [elsewhere]
        with pytest.raises(DeniedError):
            await service.enter(ticket.token, scope.slug)
        there = await service.verify(
            (await service.sign_in(elsewhere.slug, f"{name}@external.example", PASSWORD)).access
        )
        with pytest.raises(DeniedError):
            await service.switch(there, scope.slug)


async def test_a_password_set_by_the_operator_s_link_opens_the_tenant(
    service: IdentityService, scope: TenantScope, people: People
):
    await service.sign_in_external(scope, _said("setter"), just_in_time_role="viewer")
    person = (await service.members.by_email(scope, "setter@external.example")).id
    link = await service.credentials.reset_link(scope, person, by=Authority.command("test"))

    await service.credentials.set_by_link(link.token, "quite another sentence")

    opened = await service.sign_in(scope.slug, "setter@external.example", "quite another sentence")
    assert (await service.verify(opened.access)).person_id == person


async def test_a_password_another_tenant_chose_opens_no_tenant_that_the_operator_adds(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    elsewhere = await tenancy.create("external-first", "First", actor=TEST)
    await people.add(elsewhere, "taken@external.example")
    for name, password in (("taken", "the operator's own sentence"), ("known", PASSWORD)):
        await service.add_person(scope, f"{name}@external.example", name, password, "viewer", actor=TEST)
    await service.add_person(elsewhere, "known@external.example", "known", PASSWORD, "viewer", actor=TEST)

    with pytest.raises(DeniedError):
        await service.sign_in(scope.slug, "taken@external.example", PASSWORD)
    assert (await service.sign_in(scope.slug, "taken@external.example", "the operator's own sentence")).access
    assert (await service.sign_in(elsewhere.slug, "taken@external.example", PASSWORD)).access
    for slug in (scope.slug, elsewhere.slug):
        assert (await service.sign_in(slug, "known@external.example", PASSWORD)).access
