"""Invitations, password links and the way to another tenant of one's own, over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from core.audit import Actor
from core.db import TenantScope
from core.identity import PASSWORD, Authority
from core.identity.passwords import hash_password
from core.tenancy import Tenancy
from tests.agents.api.accounts import House, house_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
BY = Authority(TEST, None)
KNOWN, GOOD = "a long enough password", "nine blue kettles sold"
_hashed: list[str] = []
_PUBLIC = "https://goldlayer.example"


@dataclass
class Desk:
    """A tenant with an administrator and a viewer, and the wire to ask over."""

    house: House
    client: httpx.AsyncClient
    scope: TenantScope
    other: TenantScope
    people: dict[str, UUID]
    tokens: dict[str, str]

    async def post(self, path: str, body: Any, *, who: str = "", token: str = "") -> httpx.Response:
        bearer = token or self.tokens.get(who, "")
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        return await self.client.post(f"/api/v1{path}", json=body, headers=headers)

    def bearer(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[who]}"}

    async def invited(self, email: str, *roles: str) -> str:
        """The token of an invitation, as the administrator is given it."""
        made = await self.post("/invitations", {"email": email, "roles": list(roles or ("viewer",))}, who="admin")
        assert made.status_code == 201, made.text
        return made.json()["link"].partition("#invitation=")[2]

    async def reset(self, who: str) -> str:
        return (await self.house.service.credentials.reset_link(self.scope, self.people[who], by=BY)).token

    async def denied(self, scope: TenantScope | None = None) -> list[tuple[str, str]]:
        newest = await self.house.tenancy.audit.newest(scope or self.scope, 8)
        return [(one.action, one.target) for one in newest if one.outcome == "denied"]


@pytest.fixture
async def desk(tenancy: Tenancy, prepared: Installation) -> AsyncIterator[Desk]:
    if not _hashed:
        _hashed.append(await hash_password(KNOWN))
    async with house_of(tenancy, prepared, _PUBLIC) as house, house.client() as client:
        slug = f"links-{uuid4().hex[:6]}"
        scope, other = [await tenancy.create(one, one, actor=TEST) for one in (slug, f"{slug}-two")]
        people, tokens = {}, {}
        for role in ("admin", "viewer"):
            email = f"{role}@{slug}.example"
            people[role] = await house.service.members.add(scope, email, role, _hashed[0], role, actor=TEST)
            tokens[role] = (await house.service.open_session(scope, people[role], PASSWORD)).access
        yield Desk(house, client, scope, other, people, tokens)


def _shown(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-correlation-id")}
    return answer.status_code, headers, answer.text.replace(answer.headers["x-correlation-id"], "it")


async def test_somebody_invited_becomes_a_member_with_a_session(desk: Desk):
    made = await desk.post("/invitations", {"email": "ann@new.example", "roles": ["viewer", "operator"]}, who="admin")
    address, _, token = made.json()["link"].partition("#invitation=")
    assert (made.status_code, address, made.json()["email"]) == (201, f"{_PUBLIC}/", "ann@new.example")

    weak = await desk.post("/auth/invitations/accept", {"token": token, "name": "Ann", "password": "short"})
    accepted = await desk.post("/auth/invitations/accept", {"token": token, "name": "Ann", "password": GOOD})

    assert (weak.status_code, accepted.status_code) == (422, 201)
    words = {word.lower() for word in accepted.headers["set-cookie"].split("; ")}
    assert {"httponly", "secure", "samesite=strict", "path=/api/v1/auth"} <= words
    me = await desk.client.get("/api/v1/me", headers={"authorization": f"Bearer {accepted.json()['token']}"})
    assert (me.json()["name"], me.json()["email"], me.json()["tenant_name"]) == (
        "Ann", "ann@new.example", desk.scope.name,
    )  # fmt: skip
    assert (await desk.house.service.members.by_email(desk.scope, "ann@new.example")).roles == ["operator", "viewer"]
    again = await desk.post("/invitations", {"email": "Ann@new.example", "roles": ["viewer"]}, who="admin")
    assert (again.status_code, "already a member" in again.json()["detail"]) == (422, True)


async def test_of_a_list_each_stands_or_falls_alone(desk: Desk):
    rows = [("one@new.example", ["viewer"]), ("two@new.example", ["viewer", "emperor"]), ("no address", ["viewer"])]
    rows += [("ONE@new.example", ["viewer"]), ("zero\0@new.example", ["viewer"]), ("six@new.example", ["operator"])]

    answer = await desk.post("/invitations", [{"email": one, "roles": roles} for one, roles in rows], who="admin")

    assert answer.status_code == 207
    told = answer.json()
    assert [(one["number"], one["link"] is not None) for one in told] == [
        (1, True), (2, False), (3, False), (4, False), (5, False), (6, True),
    ]  # fmt: skip
    whys = [one["problem"] or "" for one in told]
    assert "no such role" in whys[1] and "e-mail" in whys[2] and "before" in whys[3] and "e-mail" in whys[4]
    waiting = {one.email: one.roles for one in await desk.house.service.invitations.open(desk.scope)}
    assert waiting == {"one@new.example": ["viewer"], "six@new.example": ["operator"]}
    for body in ([], [{"email": "a@b.example"}], {"email": "a@b.example", "roles": ["viewer"], "tenant": "x"}, "x"):
        refused = await desk.post("/invitations", body, who="admin")
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_nobody_invites_beyond_their_own_reach_one_by_one_or_in_a_list(desk: Desk):
    role = await desk.house.service.roles.create(desk.scope, "Helper", ["PLATFORM.MANAGE_PEOPLE"], by=BY)
    await desk.house.service.members.set_roles(desk.scope, desk.people["viewer"], [role], by=BY)
    form = {"email": "boss@new.example", "roles": ["admin"]}

    alone = await desk.post("/invitations", form, who="viewer")
    listed = await desk.post("/invitations", [form, form | {"email": "two@new.example", "roles": [role]}], who="viewer")

    assert (alone.status_code, listed.status_code) == (403, 207)
    assert [one["link"] is not None for one in listed.json()] == [False, True]
    assert await desk.denied() == [("person.invite", "boss@new.example"), ("route.call", "POST /api/v1/invitations")]
    assert [one.email for one in await desk.house.service.invitations.open(desk.scope)] == ["two@new.example"]


@pytest.mark.parametrize("use", ["invitation", "reset"])
async def test_every_link_that_is_not_good_is_answered_alike(desk: Desk, prepared: Installation, use: str):
    path = "/auth/invitations/accept" if use == "invitation" else "/auth/password-reset"
    made = [await desk.invited("ann@new.example") for _ in range(2)] if use == "invitation" else []
    older, link = made or [await desk.reset("viewer") for _ in range(2)]
    said = jwt.decode(link, options={"verify_signature": False})
    key = prepared.run.secret("link_key").encode()
    assert (await desk.post(path, {"token": link, "password": GOOD} | _named(use))).status_code in (201, 204)
    elsewhere = await desk.house.service.invitations.invite(desk.other, "bo@new.example", "Bo", ["viewer"], by=BY)
    await desk.house.tenancy.suspend(desk.other, actor=TEST)
    worthless = {
        "used": link,
        "older": older,
        "expired": jwt.encode(said | {"exp": 1}, key, algorithm="HS256"),
        "forged": jwt.encode(said, "another key that is long enough for this", algorithm="HS256"),
        "unsigned": jwt.encode(said, None, algorithm="none"),
        "of another tenant": jwt.encode(said | {"tid": str(desk.other.id)}, key, algorithm="HS256"),
        "of no tenant": jwt.encode(said | {"tid": str(uuid4())}, key, algorithm="HS256"),
        "of nobody": jwt.encode(said | {"sub": str(uuid4())}, key, algorithm="HS256"),
        "of a suspended tenant": elsewhere.token,
        "for another use": await desk.reset("admin") if use == "invitation" else await desk.invited("cy@new.example"),
        "an access token": desk.tokens["admin"],
        "nothing": "",
    }

    # A password that is too weak is told to nobody whose link is not good.
    told = {
        (why, password): _shown(await desk.post(path, {"token": token, "password": password} | _named(use)))
        for why, token in worthless.items()
        for password in (GOOD, "short")
    }

    first = told["used", GOOD]
    assert {why: one for why, one in told.items() if one != first} == {}
    assert (first[0], first[1]["content-type"]) == (401, "application/problem+json")
    assert "not valid any more" in first[2] and "set-cookie" not in first[1]


def _named(use: str) -> dict[str, str]:
    return {"name": "Ann"} if use == "invitation" else {}


async def test_a_password_is_set_once_by_a_link_and_ends_what_the_old_one_opened(desk: Desk):
    token = await desk.reset("viewer")

    weak = await desk.post("/auth/password-reset", {"token": token, "password": "short"})
    done = await desk.post("/auth/password-reset", {"token": token, "password": GOOD})
    late = await desk.post("/auth/password-reset", {"token": token, "password": "another good one"})

    assert (weak.status_code, done.status_code, done.content, late.status_code) == (422, 204, b"", 401)
    assert ("person.set_password", str(desk.people["viewer"])) in await desk.denied()
    me = await desk.client.get("/api/v1/me", headers={"authorization": f"Bearer {desk.tokens['viewer']}"})
    assert me.status_code == 401
    form = {"tenant": desk.scope.slug, "email": f"viewer@{desk.scope.slug}.example"}
    signed = [await desk.post("/auth/sign-in", form | {"password": one}) for one in (KNOWN, GOOD)]
    assert [one.status_code for one in signed] == [401, 200]


async def test_who_became_known_elsewhere_is_told_to_no_holder_of_a_link(desk: Desk):
    token = await desk.reset("viewer")
    email = f"viewer@{desk.scope.slug}.example"
    await desk.house.service.members.add(desk.other, email, "V", _hashed[0], "viewer", actor=TEST)

    known = await desk.post("/auth/password-reset", {"token": token, "password": GOOD})

    forged = await desk.post("/auth/password-reset", {"token": "forged", "password": GOOD})
    assert _shown(known) == _shown(forged)


async def test_an_invitation_tells_nobody_who_is_known_elsewhere(desk: Desk):
    known, unknown = (f"{name}@{desk.scope.slug}.example" for name in ("known", "never"))
    await desk.house.service.members.add(desk.other, known, "Known Elsewhere", _hashed[0], "admin", actor=TEST)
    told: list[list[object]] = []
    for email in (known, unknown):
        token = await desk.invited(email)
        bodies = [{"token": token, "name": "Guest", "password": one} for one in ("short", GOOD, GOOD)]
        answers = [await desk.post("/auth/invitations/accept", body) for body in bodies]
        people = (await desk.client.get("/api/v1/people", headers=desk.bearer("admin"))).json()
        (person,) = [one for one in people if one["email"] == email]
        shown = [(one.status_code, sorted(one.headers), sorted(one.json())) for one in answers]
        told.append([*shown, {**person, "id": "", "email": "", "last_sign_in": ""}, answers[0].json()["detail"]])

    assert told[0] == told[1]


async def test_one_accepts_an_invitation_as_who_one_is_and_nobody_else_does(desk: Desk):
    service, email = desk.house.service, f"viewer@{desk.scope.slug}.example"
    token = (await service.invitations.invite(desk.other, email, "V", ["operator"], by=BY)).token
    body = {"token": token}

    stranger = await desk.post("/auth/invitations/join", body, who="admin")
    unsigned = await desk.post("/auth/invitations/join", body)
    forged = await desk.post("/auth/invitations/join", {"token": f"{token}x"}, who="viewer")
    joined = await desk.post("/auth/invitations/join", body, who="viewer")
    again = await desk.post("/auth/invitations/join", body, who="viewer")

    assert [one.status_code for one in (stranger, unsigned, forged, joined, again)] == [403, 401, 403, 201, 403]
    assert _shown(forged) == _shown(again)
    assert await desk.denied() == [("route.call", "POST /api/v1/auth/invitations/join")] * 3
    me = await desk.client.get("/api/v1/me", headers={"authorization": f"Bearer {joined.json()['token']}"})
    assert (me.json()["tenant_name"], me.json()["email"]) == (desk.other.name, email)
    assert "goldlayer_refresh=" in joined.headers["set-cookie"]


async def test_one_goes_to_a_tenant_of_one_s_own_and_to_no_other(desk: Desk):
    service, strange = desk.house.service, f"never{desk.other.slug[5:]}"
    refused = [await desk.post("/auth/switch", {"tenant": one}, who="admin") for one in (desk.other.slug, strange)]
    assert (refused[0].status_code, refused[0].headers["content-type"]) == (403, "application/problem+json")
    told = [_shown(one)[2].replace(name, "it") for one, name in zip(refused, (desk.other.slug, strange), strict=True)]
    assert told[0] == told[1]
    assert await desk.denied() == [("route.call", "POST /api/v1/auth/switch")] * 2

    email = f"admin@{desk.scope.slug}.example"
    await service.members.add(desk.other, email, "A", _hashed[0], "viewer", actor=TEST)
    there = await desk.post("/auth/switch", {"tenant": desk.other.slug}, who="admin")

    assert there.status_code == 200 and "goldlayer_refresh=" in there.headers["set-cookie"]
    me = [
        await desk.client.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})
        for token in (there.json()["token"], desk.tokens["admin"])
    ]
    assert [one.json()["tenant_name"] for one in me] == [desk.other.name, desk.scope.name]
    await desk.house.tenancy.suspend(desk.other, actor=TEST)
    shut = await desk.post("/auth/switch", {"tenant": desk.other.slug}, who="admin")
    assert _shown(shut)[2].replace(desk.other.slug, "it") == told[0]


async def test_nothing_but_a_password_s_session_leads_to_another_tenant(desk: Desk):
    service, email = desk.house.service, f"admin@{desk.scope.slug}.example"
    await service.members.add(desk.other, email, "A", _hashed[0], "viewer", actor=TEST)
    outside = await service.open_session(desk.scope, desk.people["admin"], "external:corp")
    key = (await service.api_keys.create(desk.scope, "export", "x", ["viewer"], by=BY)).key

    answers = [await desk.post("/auth/switch", {"tenant": desk.other.slug}, token=one) for one in (outside.access, key)]

    assert [one.status_code for one in answers] == [403, 403]
    assert (await desk.post("/auth/switch", {"tenant": desk.other.slug})).status_code == 401
