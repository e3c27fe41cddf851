from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import PASSWORD, Authority, IdentityService
from core.tenancy import Tenancy
from core.tenancy.roles import PLATFORM_PERMISSIONS

if TYPE_CHECKING:
    from tests.core.identity.conftest import People

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
ADMIN = Authority(TEST, None)
RIGHTS = {"DESK.READ": ["viewer", "operator"], "DESK.WRITE": ["operator"], "DESK.BURN": []}


@pytest.fixture
async def scope(tenancy: Tenancy, service: IdentityService) -> TenantScope:
    scope = await tenancy.create("roles-co", "Roles", actor=TEST)
    await service.grant_module_permissions(scope, "DESK", RIGHTS, actor=TEST)
    return scope


async def test_four_templates_and_a_permission_without_default_roles_for_the_administrator_only(
    service: IdentityService, scope: TenantScope
):
    roles = {role.code: role for role in await service.roles.all(scope)}

    assert [code for code, role in roles.items() if role.built_in] == ["admin", "manager", "operator", "viewer"]
    assert [code for code, role in roles.items() if "DESK.BURN" in role.permissions] == ["admin"]
    assert roles["manager"].permissions == []
    listed = {one.permission: one for one in await service.roles.permissions(scope)}
    assert listed["DESK.READ"].roles == ["admin", "operator", "viewer"]
    assert set(PLATFORM_PERMISSIONS) | set(RIGHTS) == set(listed)


async def test_a_role_of_one_s_own_lives_and_dies(
    service: IdentityService, scope: TenantScope, people: People, tenancy: Tenancy
):
    code = await service.roles.create(scope, "Chef d'équipe", ["DESK.WRITE"], by=ADMIN)
    assert code == "chef_d_equipe"
    person = await people.add(scope, "ann@roles.example")
    await service.members.set_roles(scope, person, ["viewer", code], by=ADMIN)
    opened = await service.open_session(scope, person, PASSWORD)
    # What somebody may do is what their roles may do together.
    assert (await service.verify(opened.access)).permissions == {"DESK.READ", "DESK.WRITE"}

    await service.roles.set_permissions(scope, code, ["DESK.BURN"], by=ADMIN)
    assert (await service.verify(opened.access)).permissions == {"DESK.READ", "DESK.BURN"}
    await service.roles.rename(scope, code, "Shift lead", by=ADMIN)
    (own,) = [role for role in await service.roles.all(scope) if role.code == code]
    assert (own.name, own.members, own.built_in) == ("Shift lead", 1, False)
    with pytest.raises(InputError, match="in use"):
        await service.roles.delete(scope, code, by=ADMIN)
    await service.members.set_roles(scope, person, ["viewer"], by=ADMIN)
    await service.roles.delete(scope, code, by=ADMIN)

    records = [one for one in await tenancy.audit.newest(scope, 10) if one.action.startswith("role.")]
    assert [one.action for one in records] == ["role.delete", "role.rename", "role.set_permissions", "role.create"]
    assert (records[2].before, records[2].after) == (["DESK.WRITE"], ["DESK.BURN"])


@pytest.mark.parametrize("name", ["", "   ", "9 lives", "!!!", "x" * 61, "Operator", "роль"])
async def test_names_that_cannot_be(service: IdentityService, scope: TenantScope, name: str):
    with pytest.raises(InputError):
        await service.roles.create(scope, name, [], by=ADMIN)


async def test_templates_can_be_changed_not_renamed_or_removed(service: IdentityService, scope: TenantScope):
    await service.roles.set_permissions(scope, "manager", ["DESK.READ"], by=ADMIN)

    for code in ("manager", "admin"):
        with pytest.raises(InputError, match="template"):
            await service.roles.rename(scope, code, "Boss", by=ADMIN)
        with pytest.raises(InputError, match="template"):
            await service.roles.delete(scope, code, by=ADMIN)
    with pytest.raises(InputError, match="keeps what the platform gave it"):
        await service.roles.set_permissions(scope, "admin", ["DESK.READ"], by=ADMIN)
    with pytest.raises(InputError, match="no module of the tenant"):
        await service.roles.set_permissions(scope, "manager", ["NOBODY.KNOWS"], by=ADMIN)


async def test_nobody_widens_or_narrows_a_role_beyond_their_own_rights(service: IdentityService, scope: TenantScope):
    helper = Authority(TEST, frozenset({"PLATFORM.MANAGE_ROLES", "DESK.READ"}))
    before = await service.roles.all(scope)

    for attempt in (
        service.roles.create(scope, "Sneaky", ["DESK.WRITE"], by=helper),
        service.roles.set_permissions(scope, "viewer", ["DESK.READ", "DESK.WRITE"], by=helper),
        service.roles.set_permissions(scope, "operator", ["DESK.READ"], by=helper),
        service.roles.set_permissions(scope, "admin", [*PLATFORM_PERMISSIONS, *RIGHTS], by=helper),
    ):
        with pytest.raises(DeniedError):
            await attempt

    assert await service.roles.all(scope) == before
    await service.roles.set_permissions(scope, "viewer", [], by=helper)
    await service.roles.set_permissions(scope, "viewer", ["DESK.READ"], by=helper)


async def test_roles_of_another_tenant_do_not_exist(service: IdentityService, scope: TenantScope, tenancy: Tenancy):
    other = await tenancy.create("roles-apart", "Apart", actor=TEST)
    await service.roles.create(other, "Theirs", [], by=ADMIN)

    said: set[str] = set()
    for code in ("theirs", "never_was"):
        for attempt in (
            service.roles.rename(scope, code, "Mine", by=ADMIN),
            service.roles.delete(scope, code, by=ADMIN),
            service.roles.set_permissions(scope, code, [], by=ADMIN),
        ):
            with pytest.raises(NotFoundError) as refused:
                await attempt
            said.add(str(refused.value))
    assert said == {"no such role"}
    # What a module brought to one tenant is unknown to the other.
    with pytest.raises(InputError):
        await service.roles.set_permissions(other, "theirs", ["DESK.READ"], by=ADMIN)
