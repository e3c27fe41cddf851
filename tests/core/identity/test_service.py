from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import Authority, IdentityService
from core.identity.credentials import ATTEMPTS
from core.tenancy import Tenancy
from core.tenancy.roles import PLATFORM_PERMISSIONS

if TYPE_CHECKING:
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
_OPERATOR = Authority.command("test")
pytestmark = pytest.mark.integration
_PASSWORD = "a long enough password"


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("people-co", "People", actor=_ACTOR)


async def test_a_member_signs_in_and_is_known_by_the_token(service: IdentityService, scope: TenantScope):
    person = await service.add_person(scope, "Ann@people.example", "Ann", _PASSWORD, "admin", actor=_ACTOR)
    assert (
        await service.add_person(scope, "ann@people.example", "Ann", "another password", "admin", actor=_ACTOR)
        == person
    )

    identity = await service.verify((await service.sign_in("people-co", "ann@PEOPLE.example", _PASSWORD)).access)

    assert (identity.person_id, identity.email, identity.tenant) == (person, "Ann@people.example", scope)
    assert set(PLATFORM_PERMISSIONS) <= identity.permissions
    identity.require("PLATFORM.READ_AUDIT")
    with pytest.raises(DeniedError):
        identity.require("SCADA.WRITE_PLC")


@pytest.mark.parametrize(
    ("email", "name", "password", "role"),
    [
        ("no address", "A", _PASSWORD, "viewer"),
        ("a@b.example", " ", _PASSWORD, "viewer"),
        ("a@b.example", "A", "short", "viewer"),
        ("a@b.example", "A", _PASSWORD, "emperor"),
    ],
)
async def test_an_impossible_person_leaves_nothing(
    service: IdentityService, scope: TenantScope, email: str, name: str, password: str, role: str
):
    with pytest.raises(InputError):
        await service.add_person(scope, email, name, password, role, actor=_ACTOR)

    assert email not in [member.email for member in await service.people(scope)]


async def test_refusals_do_not_tell_why(service: IdentityService, scope: TenantScope, tenancy: Tenancy):
    await service.add_person(scope, "bob@people.example", "Bob", _PASSWORD, "viewer", actor=_ACTOR)

    said: set[str] = set()
    for slug, email, password in (
        ("people-co", "bob@people.example", "a wrong password"),
        ("people-co", "nobody@people.example", _PASSWORD),
        ("no-such-co", "bob@people.example", _PASSWORD),
    ):
        with pytest.raises(DeniedError) as refused:
            await service.sign_in(slug, email, password)
        said.add(str(refused.value))

    assert len(said) == 1
    assert [record.outcome for record in await tenancy.audit.newest(scope, 2)] == ["denied", "denied"]


async def test_guessing_locks_the_door_even_when_guesses_come_at_once(service: IdentityService, scope: TenantScope):
    await service.add_person(scope, "cat@people.example", "Cat", _PASSWORD, "viewer", actor=_ACTOR)

    guesses = [service.sign_in("people-co", "cat@people.example", f"guess number {n}") for n in range(ATTEMPTS)]
    assert all(isinstance(one, DeniedError) for one in await asyncio.gather(*guesses, return_exceptions=True))

    with pytest.raises(DeniedError):
        await service.sign_in("people-co", "cat@people.example", _PASSWORD)


async def test_a_right_password_ends_the_count(service: IdentityService, scope: TenantScope):
    await service.add_person(scope, "dan@people.example", "Dan", _PASSWORD, "viewer", actor=_ACTOR)
    for _ in range(2):
        for n in range(ATTEMPTS - 1):
            with pytest.raises(DeniedError):
                await service.sign_in("people-co", "dan@people.example", f"guess number {n}")
        assert await service.sign_in("people-co", "dan@people.example", _PASSWORD)


async def test_a_token_follows_roles_and_ends_with_membership_and_tenant(
    service: IdentityService, tenancy: Tenancy, prepared: Installation
):
    scope = await tenancy.create("changing-co", "Changing", actor=_ACTOR)
    await service.grant_module_permissions(scope, "SCADA", {"SCADA.READ": ["viewer"], "SCADA.WRITE": []}, actor=_ACTOR)
    eve = await service.add_person(scope, "eve@people.example", "Eve", _PASSWORD, "viewer", actor=_ACTOR)
    token = (await service.sign_in("changing-co", "eve@people.example", _PASSWORD)).access
    assert (await service.verify(token)).permissions == {"SCADA.READ"}

    await service.members.set_roles(scope, eve, ["admin"], by=_OPERATOR)
    assert {"SCADA.READ", "SCADA.WRITE"} <= (await service.verify(token)).permissions
    # Another process, which remembers nothing yet.
    fresh = IdentityService(tenancy, prepared.run, prepared.settings)
    await tenancy.suspend(scope, actor=_ACTOR)
    with pytest.raises(DeniedError):
        await fresh.verify(token)
    await tenancy.resume(scope, actor=_ACTOR)
    assert await fresh.verify(token)
    await service.add_person(scope, "pat@people.example", "Pat", _PASSWORD, "admin", actor=_ACTOR)
    await service.members.set_active(scope, eve, False, by=_OPERATOR)

    with pytest.raises(DeniedError):
        await service.verify(token)
    with pytest.raises(NotFoundError):
        await service.members.set_active(scope, uuid4(), False, by=_OPERATOR)


async def test_a_module_s_permissions_are_handed_out_once(service: IdentityService, tenancy: Tenancy):
    scope = await tenancy.create("granting-co", "Granting", actor=_ACTOR)
    await service.add_person(scope, "fay@people.example", "Fay", _PASSWORD, "viewer", actor=_ACTOR)
    await service.grant_module_permissions(scope, "FLEET", {"FLEET.READ": ["viewer"]}, actor=_ACTOR)
    async with tenancy.platform.transaction(scope.id) as transaction:
        await transaction.execute(
            "delete from role_permissions where role_id = (select id from roles where code = 'viewer')"
        )

    await service.grant_module_permissions(
        scope, "FLEET", {"FLEET.READ": ["viewer"], "FLEET.EXPORT": ["viewer"]}, actor=_ACTOR
    )

    token = (await service.sign_in("granting-co", "fay@people.example", _PASSWORD)).access
    assert (await service.verify(token)).permissions == {"FLEET.EXPORT"}
    with pytest.raises(InputError):
        await service.grant_module_permissions(scope, "FLEET", {"fleet read": []}, actor=_ACTOR)
    with pytest.raises(InputError, match="no such role"):
        await service.grant_module_permissions(scope, "FLEET", {"FLEET.NEW": ["emperor"]}, actor=_ACTOR)


async def test_one_person_in_two_tenants_has_two_standings(service: IdentityService, tenancy: Tenancy):
    first = await tenancy.create("shared-a", "A", actor=_ACTOR)
    second = await tenancy.create("shared-b", "B", actor=_ACTOR)
    await service.add_person(first, "gus@people.example", "Gus", _PASSWORD, "admin", actor=_ACTOR)
    await service.add_person(second, "gus@people.example", "Someone", _PASSWORD, "viewer", actor=_ACTOR)

    here = await service.verify((await service.sign_in("shared-a", "gus@people.example", _PASSWORD)).access)
    there = await service.verify((await service.sign_in("shared-b", "gus@people.example", _PASSWORD)).access)

    assert (here.person_id, here.tenant, there.tenant) == (there.person_id, first, second)
    assert (bool(here.permissions), bool(there.permissions), there.name) == (True, False, "Gus")
