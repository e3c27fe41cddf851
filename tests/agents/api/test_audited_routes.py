"""Every route that changes something writes what it did: who, what, to whom, in which request, before and after.

Routes are found by the API's own description; one that is neither tried here nor excused fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.audit import Actor, AuditRecord
from core.db import TenantScope
from core.identity import PASSWORD, Authority
from core.identity.passwords import hash_password
from core.tenancy import Tenancy
from tests.agents.api.accounts import House, house_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
BY = Authority(Actor.command("test"), None)
KNOWN, GOOD = "a long enough password", "nine blue kettles sold"
EXCUSED = {
    "POST /api/v1/auth/refresh": "the session was recorded when it was opened; a renewal that is refused is recorded",
    "POST /api/v1/auth/ways": "says where an address signs in, and changes nothing",
    "POST /api/v1/auth/invitations/look": "says what a link is for, and changes nothing",
    "POST /api/v1/auth/password-reset/look": "says what a link is for, and changes nothing",
    "POST /api/v1/auth/{slug}/saml/{provider}/acs": "opens a session as any sign-in does; tried over a real provider",
    "POST /api/v1/chat": "writes `agent.answer`; tried with the executor behind it",
}
"""Routes with a method of change that this does not try, and why."""


@dataclass
class Desk:
    """A tenant with an administrator, somebody to act on, and the wire."""

    house: House
    client: httpx.AsyncClient
    scope: TenantScope
    other: TenantScope
    people: dict[str, UUID]

    def email(self, who: str) -> str:
        return f"{who}@audited.example"

    async def bearer(self, who: str) -> str:
        return (await self.house.service.open_session(self.scope, self.people[who], PASSWORD)).access

    async def role(self) -> str:
        return await self.house.service.roles.create(self.scope, f"Night {uuid4().hex[:6]}", [], by=BY)

    async def records(self, request_id: str) -> list[AuditRecord]:
        """Of one request, oldest first, in whichever of the two tenants."""
        found = [
            one
            for scope in (self.scope, self.other)
            for one in await self.house.tenancy.audit.newest(scope, 20)
            if one.request_id == request_id
        ]
        return sorted(found, key=lambda one: one.at)


@dataclass(frozen=True)
class Asked:
    """What a route is asked.

    Attributes:
        target: on what the record says it was done.
        path: values for the places in the path.
        body: of the request.
        who: asks; nobody for a door of strangers.
        actor: whom the record names, if not `who`.
        before: what the record says was there.
        after: what the record says is there now.
    """

    target: str
    path: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    who: str | None = "admin"
    actor: str | None = None
    before: Any = None
    after: Any = None


Prepare = Callable[[Desk], Awaitable[Asked]]
SOME = object()
"""Something, whatever it is."""


async def _sign_in(desk: Desk) -> Asked:
    body = {"tenant": desk.scope.slug, "email": desk.email("viewer"), "password": KNOWN}
    return Asked(desk.email("viewer"), body=body, who=None, actor="viewer", after=SOME)


async def _sign_out(desk: Desk) -> Asked:
    return Asked(desk.email("viewer"), who="viewer", before=SOME)


async def _accept(desk: Desk) -> Asked:
    email = f"{uuid4().hex[:8]}@audited.example"
    link = await desk.house.service.invitations.invite(desk.scope, email, "New", ["viewer"], by=BY)
    return Asked(email, body={"token": link.token, "password": GOOD}, who=None, actor=email, after=SOME)


async def _join(desk: Desk) -> Asked:
    link = await desk.house.service.invitations.invite(desk.other, desk.email("guest"), "G", ["viewer"], by=BY)
    return Asked(desk.email("guest"), body={"token": link.token}, who="guest", after=SOME)


async def _reset(desk: Desk) -> Asked:
    link = await desk.house.service.credentials.reset_link(desk.scope, desk.people["forgetful"], by=BY)
    return Asked(desk.email("forgetful"), body={"token": link.token, "password": GOOD}, who=None, actor="forgetful")


async def _switch(desk: Desk) -> Asked:
    return Asked(desk.email("both"), body={"tenant": desk.other.slug}, who="both", after=SOME)


async def _end_own(desk: Desk) -> Asked:
    opened = await desk.house.service.open_session(desk.scope, desk.people["viewer"], PASSWORD)
    session = {"session": str(opened.session_id)}
    return Asked(desk.email("viewer"), {"auth_session_id": str(opened.session_id)}, who="viewer", before=session)


def _on_helper(before: Any = None, after: Any = None, body: dict[str, Any] | None = None) -> Prepare:
    async def asked(desk: Desk) -> Asked:
        path = {"person_id": str(desk.people["helper"])}
        return Asked(desk.email("helper"), path, body, before=before, after=after)

    return asked


async def _end_helper(desk: Desk) -> Asked:
    opened = await desk.house.service.open_session(desk.scope, desk.people["helper"], PASSWORD)
    path, session = {"person_id": str(desk.people["helper"])}, {"session": str(opened.session_id)}
    return Asked(desk.email("helper"), path, before=session)


async def _invite(desk: Desk) -> Asked:
    email = f"{uuid4().hex[:8]}@audited.example"
    return Asked(email, body={"email": email, "roles": ["viewer"]}, after=SOME)


async def _new_role(_: Desk) -> Asked:
    name = f"shift {uuid4().hex[:6]}"
    return Asked(name.replace(" ", "_"), body={"name": name, "permissions": []}, after=SOME)


async def _rename_role(desk: Desk) -> Asked:
    code = await desk.role()
    return Asked(code, {"code": code}, {"name": "Later"}, before=SOME, after="Later")


async def _role_rights(desk: Desk) -> Asked:
    code, right = await desk.role(), "PLATFORM.READ_AUDIT"
    return Asked(code, {"code": code}, {"permissions": [right]}, before=[], after=[right])


async def _remove_role(desk: Desk) -> Asked:
    code = await desk.role()
    return Asked(code, {"code": code}, before=SOME)


async def _new_key(_: Desk) -> Asked:
    purpose = uuid4().hex
    return Asked(purpose, body={"principal": "export", "purpose": purpose, "roles": ["viewer"]}, after=SOME)


async def _revoke_key(desk: Desk) -> Asked:
    purpose = uuid4().hex
    key = await desk.house.service.api_keys.create(desk.scope, "export", purpose, ["viewer"], by=BY)
    return Asked(purpose, {"key_id": str(key.id)}, before=SOME)


_SIGN_IN = "person.sign_in"
TRIED: dict[str, tuple[tuple[str, ...], Prepare]] = {
    "POST /api/v1/auth/sign-in": ((_SIGN_IN,), _sign_in),
    "POST /api/v1/auth/sign-out": (("session.end",), _sign_out),
    "POST /api/v1/auth/invitations/accept": (("person.accept_invitation", _SIGN_IN), _accept),
    "POST /api/v1/auth/invitations/join": (("person.accept_invitation", _SIGN_IN), _join),
    "POST /api/v1/auth/password-reset": (("person.set_password",), _reset),
    "POST /api/v1/auth/switch": ((_SIGN_IN,), _switch),
    "DELETE /api/v1/sessions/{auth_session_id}": (("session.end",), _end_own),
    "PUT /api/v1/people/{person_id}/roles": (
        ("person.set_roles",), _on_helper(["viewer"], ["operator"], {"roles": ["operator"]}),
    ),
    "POST /api/v1/people/{person_id}/deactivate": (
        ("person.set_active",), _on_helper({"active": True}, {"active": False}),
    ),
    "POST /api/v1/people/{person_id}/reactivate": (
        ("person.set_active",), _on_helper({"active": False}, {"active": True}),
    ),
    "POST /api/v1/people/{person_id}/unlock": (("person.unlock",), _on_helper({"locked": False}, {"locked": False})),
    "DELETE /api/v1/people/{person_id}/sessions": (("session.end",), _end_helper),
    "POST /api/v1/invitations": (("person.invite",), _invite),
    "POST /api/v1/roles": (("role.create",), _new_role),
    "PUT /api/v1/roles/{code}/name": (("role.rename",), _rename_role),
    "PUT /api/v1/roles/{code}/permissions": (("role.set_permissions",), _role_rights),
    "DELETE /api/v1/roles/{code}": (("role.delete",), _remove_role),
    "POST /api/v1/api-keys": (("api_key.create",), _new_key),
    "DELETE /api/v1/api-keys/{key_id}": (("api_key.revoke",), _revoke_key),
}  # fmt: skip
"""In this order: what one ends another may need. The actions each writes, and what it is asked; the first record is of
the thing asked for, with its before and after."""


@pytest.fixture
async def desk(tenancy: Tenancy, prepared: Installation) -> AsyncIterator[Desk]:
    hashed = await hash_password(KNOWN)
    async with house_of(tenancy, prepared) as house, house.client() as client:
        scope, other = [await tenancy.create(slug, slug, actor=BY.actor) for slug in ("audited-co", "audited-two")]
        made = Desk(house, client, scope, other, {})
        for who in ("admin", "viewer", "helper", "guest", "forgetful", "both"):
            role = "admin" if who == "admin" else "viewer"
            made.people[who] = await house.service.members.add(
                scope, made.email(who), who, hashed, role, actor=BY.actor
            )
        await house.service.members.add(other, made.email("both"), "both", hashed, "viewer", actor=BY.actor)
        yield made


def _changing(house: House) -> set[str]:
    paths = house.app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, forms in paths.items() for method in forms if method != "get"}


def _told(said: Any, wanted: Any) -> bool:
    return said not in (None, {}) if wanted is SOME else said == wanted


async def test_every_route_that_changes_something_writes_what_it_did(desk: Desk):
    assert _changing(desk.house) == TRIED.keys() | EXCUSED.keys()
    for route, (actions, prepare) in TRIED.items():
        asked = await prepare(desk)
        method, path = route.split(" ")
        for name, value in asked.path.items():
            path = path.replace(f"{{{name}}}", value)
        headers = {"authorization": f"Bearer {await desk.bearer(asked.who)}"} if asked.who else {}

        answer = await desk.client.request(method, path, json=asked.body, headers=headers)

        assert answer.is_success, (route, answer.text)
        written = await desk.records(answer.headers["x-correlation-id"])
        assert tuple(one.action for one in written) == actions, route
        actor = asked.actor or asked.who or ""
        for one in written:
            assert (str(one.actor), one.target, one.outcome, one.interface) == (
                f"user:{actor if '@' in actor else desk.email(actor)}", asked.target, "done", "api",
            ), route  # fmt: skip
        assert _told(written[0].before, asked.before) and _told(written[0].after, asked.after), (route, written[0])
    for scope in (desk.scope, desk.other):
        assert (await desk.house.tenancy.audit.verify(scope)).ok
