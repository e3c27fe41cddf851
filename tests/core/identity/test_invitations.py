from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import Authority, ExternalIdentity, IdentityService
from core.identity.bulk import MOST_LINES, invite_all, read_lines
from core.identity.credentials import ATTEMPTS
from core.tenancy import Tenancy
from tests.core.identity.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.conftest import Installation
    from tests.core.identity.conftest import People

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
ADMIN = Authority(TEST, None)
GOOD = "nine blue kettles sold"


@pytest.fixture
async def scope(tenancy: Tenancy) -> TenantScope:
    return await tenancy.create("inviting-co", "Inviting", actor=TEST)


async def test_somebody_new_sets_name_and_password(service: IdentityService, scope: TenantScope, tenancy: Tenancy):
    link = await service.invitations.invite(scope, "ann@inviting.example", "", ["operator", "viewer"], by=ADMIN)
    shown = await service.invitations.look(link.token)
    assert (shown.tenant_name, shown.email) == ("Inviting", "ann@inviting.example")

    for name, password in (("", GOOD), ("Ann", "short"), ("Ann", "ann@inviting1")):
        with pytest.raises(InputError):
            await service.accept_invitation(link.token, name, password)
    identity = await service.verify((await service.accept_invitation(link.token, "Ann", GOOD)).access)

    assert (identity.name, identity.email, identity.tenant) == ("Ann", "ann@inviting.example", scope)
    assert (await service.members.by_email(scope, "ann@inviting.example")).roles == ["operator", "viewer"]
    for again in (service.accept_invitation(link.token, "Ann", GOOD), service.invitations.look(link.token)):
        with pytest.raises(DeniedError, match="not valid any more"):
            await again
    assert await service.sign_in("inviting-co", "ann@inviting.example", GOOD)
    with pytest.raises(InputError, match="already a member"):
        await service.invitations.invite(scope, "Ann@inviting.example", "", ["viewer"], by=ADMIN)
    assert link.token not in str(await tenancy.audit.newest(scope, 50))


async def test_somebody_known_proves_their_own_password_and_keeps_it(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-other", "Other", actor=TEST)
    person = await people.add(other, "bob@inviting.example")
    link = await service.invitations.invite(scope, "bob@inviting.example", "Robert", ["viewer"], by=ADMIN)

    with pytest.raises(DeniedError, match="sign-in is refused"):
        await service.accept_invitation(link.token, "Mallory", "a password of my choice")
    assert "bob@inviting.example" not in [one.email for one in await service.people(scope)]
    assert (await tenancy.audit.newest(scope, 1))[0].outcome == "denied"

    identity = await service.verify((await service.accept_invitation(link.token, "Mallory", PASSWORD)).access)
    assert (identity.person_id, identity.name) == (person, "bob")


async def test_an_invitation_is_no_way_to_guess_a_password(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-guess", "Guess", actor=TEST)
    await people.add(other, "cat@inviting.example")
    link = await service.invitations.invite(scope, "cat@inviting.example", "", ["viewer"], by=ADMIN)
    for n in range(ATTEMPTS):
        with pytest.raises(DeniedError):
            await service.accept_invitation(link.token, "Cat", f"guess number {n}")

    with pytest.raises(DeniedError):
        await service.accept_invitation(link.token, "Cat", PASSWORD)
    with pytest.raises(DeniedError):
        await service.sign_in("inviting-guess", "cat@inviting.example", PASSWORD)


async def test_whoever_comes_by_a_provider_only_gets_no_password_from_another_tenant(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy
):
    other = await tenancy.create("inviting-sso", "Sso", actor=TEST)
    said = ExternalIdentity("corporate", "dan", "dan@inviting.example", "Dan", verified=True)
    await service.sign_in_external(other, said, just_in_time_role="admin")
    link = await service.invitations.invite(scope, "dan@inviting.example", "", ["viewer"], by=ADMIN)

    with pytest.raises(DeniedError):
        await service.accept_invitation(link.token, "Dan", GOOD)
    with pytest.raises(DeniedError):
        await service.sign_in("inviting-sso", "dan@inviting.example", GOOD)


async def test_a_newer_invitation_or_a_withdrawal_makes_a_link_worthless(
    service: IdentityService, scope: TenantScope, prepared: Installation
):
    first = await service.invitations.invite(scope, "eve@inviting.example", "Eve", ["admin"], by=ADMIN)
    second = await service.invitations.invite(scope, "EVE@inviting.example", "Eve", ["viewer"], by=ADMIN)
    (waiting,) = [one for one in await service.invitations.open(scope) if one.name == "Eve"]
    assert (waiting.roles, waiting.invited_by) == (["viewer"], "command:test")
    await service.invitations.withdraw(scope, waiting.id, by=ADMIN)
    third = await service.invitations.invite(scope, "eve@inviting.example", "Eve", ["viewer"], by=ADMIN)
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("update invitations set expires_at = now() where email = 'eve@inviting.example'")

    for link in (first, second, third):
        with pytest.raises(DeniedError):
            await service.accept_invitation(link.token, "Eve", GOOD)
    for unknown in (waiting.id, uuid4()):
        with pytest.raises(NotFoundError, match="no such invitation"):
            await service.invitations.withdraw(scope, unknown, by=ADMIN)


async def test_of_two_that_accept_at_once_one_is_too_late(service: IdentityService, scope: TenantScope):
    link = await service.invitations.invite(scope, "fay@inviting.example", "Fay", ["viewer"], by=ADMIN)

    both = await asyncio.gather(
        *(service.accept_invitation(link.token, "Fay", f"{GOOD} {n}") for n in range(2)), return_exceptions=True
    )

    assert sum(isinstance(one, DeniedError) for one in both) == 1


async def test_invitations_stay_in_their_tenant(service: IdentityService, scope: TenantScope, tenancy: Tenancy):
    other = await tenancy.create("inviting-apart", "Apart", actor=TEST)
    link = await service.invitations.invite(other, "gus@inviting.example", "Gus", ["viewer"], by=ADMIN)
    (theirs,) = await service.invitations.open(other)

    assert "gus@inviting.example" not in [one.email for one in await service.invitations.open(scope)]
    with pytest.raises(NotFoundError):
        await service.invitations.withdraw(scope, theirs.id, by=ADMIN)
    await tenancy.suspend(other, actor=TEST)
    with pytest.raises(DeniedError, match="not valid any more"):
        await service.invitations.look(link.token)


async def test_a_table_is_reported_line_by_line(service: IdentityService, scope: TenantScope):
    table = (
        "\ufeffEmail; Name; Roles\r\n"
        "hal@inviting.example; Hal; viewer operator\r\n"
        "\r\n"
        'no address; "Ida; the second"; viewer\r\n'
        "joe@inviting.example; Joe; emperor\r\n"
        "HAL@inviting.example; Hal; viewer\r\n"
        "kim@inviting.example; Kim;\r\n"
        "lea@inviting.example; Lea; viewer|manager\r\n"
    )

    results = [one async for one in invite_all(service.invitations, scope, read_lines(table), by=ADMIN)]

    assert [(one.line, one.link is not None) for one in results] == [
        (2, True),
        (4, False),
        (5, False),
        (6, False),
        (7, False),
        (8, True),
    ]
    told = [one.problem or "" for one in results]
    assert "not an e-mail address" in told[1] and "no such role" in told[2] and "emperor" in told[2]
    assert "a line before" in told[3] and "no role was named" in told[4]
    waiting = {one.email: one.roles for one in await service.invitations.open(scope)}
    assert waiting["hal@inviting.example"] == ["operator", "viewer"]
    assert waiting["lea@inviting.example"] == ["manager", "viewer"]


@pytest.mark.parametrize(
    "table", ["", "email,name\na@b.example,A\n", "email,name,roles,tenant\na@b.example,A,viewer,other\n", "\x00"]
)
def test_a_table_with_other_columns_is_refused(table: str):
    with pytest.raises(InputError):
        read_lines(table)


def test_a_table_too_long_is_refused():
    with pytest.raises(InputError, match="too many lines"):
        read_lines("email,name,roles\n" + "a@b.example,A,viewer\n" * (MOST_LINES + 1))
