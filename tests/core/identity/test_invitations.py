from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.db import Database, TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity import PASSWORD as METHOD
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


async def test_who_has_the_address_elsewhere_is_neither_met_nor_told_of(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-other", "Other", actor=TEST)
    known = await people.add(other, "Bob@Inviting.example", "admin")
    told = []
    for email in ("bob@inviting.example", "new@inviting.example"):
        link = await service.invitations.invite(scope, email, "B", ["viewer"], by=ADMIN)
        shown = await service.invitations.look(link.token)
        with pytest.raises(InputError) as weak:
            await service.accept_invitation(link.token, "Robert", "short")
        identity = await service.verify((await service.accept_invitation(link.token, "Robert", GOOD)).access)
        member = await service.members.by_email(scope, email)
        await service.sign_in(scope.slug, email, GOOD)
        reset = await service.credentials.reset_link(scope, member.id, by=ADMIN)
        await service.members.unlock(scope, member.id, by=ADMIN)
        seen = (shown, str(weak.value), identity.name, member.email, member.name, member.roles, member.locked)
        told.append(str((seen, reset.use)).replace(email, "who"))
        assert identity.person_id not in (known, None)

    assert told[0] == told[1]


async def test_whoever_makes_a_link_and_uses_it_themselves_gets_nowhere_else(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-victim", "Victim", actor=TEST)
    person = await people.add(other, "vic@inviting.example", "admin")
    theirs = await service.open_session(other, person, METHOD)
    link = await service.invitations.invite(scope, "vic@inviting.example", "", ["admin"], by=ADMIN)

    taken = await service.verify((await service.accept_invitation(link.token, "Vic", GOOD)).access)

    assert await service.tenants_of(taken) == [scope]
    for attempt in (service.switch(taken, other.slug), service.sign_in(other.slug, "vic@inviting.example", GOOD)):
        with pytest.raises(DeniedError):
            await attempt
    await service.credentials.change(taken, GOOD, "another nine kettles")
    for n in range(ATTEMPTS + 1):
        with pytest.raises(DeniedError):
            await service.sign_in(scope.slug, "vic@inviting.example", f"guess number {n}")
    reset = await service.credentials.reset_link(scope, taken.person_id, by=ADMIN)
    await service.credentials.set_by_link(reset.token, "a third good sentence")
    # Whose address it is elsewhere has noticed nothing: not a lock, not a new password, not a session that ended.
    assert (await service.verify(theirs.access)).person_id == person
    assert await service.sign_in(other.slug, "vic@inviting.example", PASSWORD)
    ticket, mine = await service.tenants_to_enter("vic@inviting.example", PASSWORD)
    assert mine == [other]
    with pytest.raises(DeniedError):
        await service.enter(ticket.token, scope.slug)


async def test_an_address_named_by_another_tenant_first_is_no_way_into_this_one(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    # Whoever administers the other tenant has named the address and chosen its password.
    other = await tenancy.create("inviting-squat", "Squat", actor=TEST)
    person = await people.add(other, "wes@inviting.example")
    squatter = await service.verify((await service.open_session(other, person, METHOD)).access)
    link = await service.invitations.invite(scope, "wes@inviting.example", "Wes", ["admin"], by=ADMIN)
    with pytest.raises(DeniedError):
        await service.switch(squatter, scope.slug)

    await service.accept_invitation(link.token, "Wes", GOOD)

    for attempt in (
        service.switch(squatter, scope.slug),
        service.join(squatter, link.token),
        service.sign_in(scope.slug, "wes@inviting.example", PASSWORD),
    ):
        with pytest.raises(DeniedError):
            await attempt
    assert await service.sign_in(scope.slug, "wes@inviting.example", GOOD)


async def test_who_is_signed_in_elsewhere_joins_as_the_same_person(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-home", "Home", actor=TEST)
    person = await people.add(other, "xia@inviting.example")
    identity = await service.verify((await service.open_session(other, person, METHOD)).access)
    link = await service.invitations.invite(scope, "XIA@inviting.example", "X", ["operator"], by=ADMIN)

    joined = await service.verify((await service.join(identity, link.token)).access)

    assert (joined.person_id, joined.tenant, joined.name) == (person, scope, "xia")
    assert (await service.members.by_email(scope, "xia@inviting.example")).roles == ["operator"]
    assert {one.slug for one in await service.tenants_of(identity)} == {scope.slug, other.slug}
    assert (await service.verify((await service.switch(joined, other.slug)).access)).tenant == other
    assert await service.sign_in(scope.slug, "xia@inviting.example", PASSWORD)
    with pytest.raises(DeniedError, match="not valid any more"):
        await service.join(identity, link.token)
    record = next(one for one in await tenancy.audit.newest(scope, 5) if one.action == "person.accept_invitation")
    assert (str(record.actor), record.target) == ("user:xia@inviting.example", "XIA@inviting.example")


async def test_nobody_joins_on_another_s_invitation_or_by_a_sign_in_of_one_tenant(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-other", "Other", actor=TEST)
    mallory = await people.add(other, "mallory@inviting.example")
    link = await service.invitations.invite(scope, "yan@inviting.example", "Yan", ["admin"], by=ADMIN)
    said = ExternalIdentity("corporate", "yan", "yan@inviting.example", "Yan", verified=True)
    vouched = await service.sign_in_external(other, said, just_in_time_role="viewer")
    key = (await service.api_keys.create(other, "yan", "x", ["viewer"], by=ADMIN)).key
    opened = await service.open_session(other, mallory, METHOD)

    for access, why in ((opened.access, "another address"), (vouched.access, "one tenant"), (key, "one tenant")):
        with pytest.raises(DeniedError, match=why):
            await service.join(await service.verify(access), link.token)

    assert "yan@inviting.example" not in [one.email for one in await service.people(scope)]
    # The link stays good, and whoever comes by a provider elsewhere sets a password of this tenant's own.
    await service.accept_invitation(link.token, "Yan", GOOD)
    with pytest.raises(DeniedError):
        await service.sign_in(other.slug, "yan@inviting.example", GOOD)
    # What a provider of another tenant says a person is called, nobody hears here.
    assert (await service.members.by_email(other, "yan@inviting.example")).name == "Yan"


async def test_who_became_a_member_meanwhile_is_not_taken_over_by_the_link(
    service: IdentityService, scope: TenantScope, people: People
):
    link = await service.invitations.invite(scope, "zed@inviting.example", "Zed", ["viewer"], by=ADMIN)
    await people.add(scope, "zed@inviting.example", "admin")

    with pytest.raises(DeniedError, match="not valid any more"):
        await service.accept_invitation(link.token, "Zed", GOOD)

    assert await service.sign_in(scope.slug, "zed@inviting.example", PASSWORD)


async def test_one_address_and_one_password_that_tenants_know_apart_lead_to_all_of_them(
    service: IdentityService, scope: TenantScope, tenancy: Tenancy, people: People
):
    other = await tenancy.create("inviting-apart-two", "Apart two", actor=TEST)
    await people.add(other, "uma@inviting.example")
    link = await service.invitations.invite(scope, "uma@inviting.example", "Uma", ["viewer"], by=ADMIN)
    await service.accept_invitation(link.token, "Uma", PASSWORD)

    ticket, mine = await service.tenants_to_enter("uma@inviting.example", PASSWORD)

    assert {one.slug for one in mine} == {scope.slug, other.slug}
    for slug in (scope.slug, other.slug):
        assert (await service.verify((await service.enter(ticket.token, slug)).access)).tenant.slug == slug


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
