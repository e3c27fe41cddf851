"""People, roles, keys and sessions over HTTP: what an administrator can do, and what of another tenant nobody sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError
from core.identity import PASSWORD
from core.identity.credentials import ATTEMPTS
from core.identity.passwords import hash_password
from core.tenancy import Tenancy
from tests.agents.api.accounts import House, house_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
TEST = Actor.command("test")
_hashed: list[str] = []
"""Of everybody's password, made once: hashing is slow on purpose."""
RIGHTS = {"DESK.READ": ["viewer"], "DESK.WRITE": []}


@dataclass
class Side:
    """One of two tenants, with an administrator, a viewer, a role and a key of its own."""

    house: House
    client: httpx.AsyncClient
    scope: TenantScope
    people: dict[str, UUID]
    tokens: dict[str, str]
    sessions: dict[str, UUID]
    key_id: UUID
    role: str

    async def ask(self, method: str, path: str, body: Any = None, *, who: str = "admin", token: str = "") -> Any:
        headers = {"authorization": f"Bearer {token or self.tokens[who]}"}
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def denials(self) -> list[tuple[str, str]]:
        newest = await self.house.tenancy.audit.newest(self.scope, 5)
        return [(str(one.actor), one.target) for one in newest if (one.action, one.outcome) == ("route.call", "denied")]


async def _side(house: House, client: httpx.AsyncClient, slug: str) -> Side:
    service, scope = house.service, await house.tenancy.create(slug, slug.title(), actor=TEST)
    await service.grant_module_permissions(scope, "DESK", RIGHTS, actor=TEST)
    people, tokens, sessions = {}, {}, {}
    if not _hashed:
        _hashed.append(await hash_password("a long enough password"))
    for role in ("admin", "viewer"):
        people[role] = await service.members.add(scope, f"{role}@{slug}.example", role, _hashed[0], role, actor=TEST)
        opened = await service.open_session(scope, people[role], PASSWORD)
        tokens[role], sessions[role] = opened.access, opened.session_id
    side = Side(house, client, scope, people, tokens, sessions, uuid4(), "")
    name = f"Night {slug} {uuid4().hex[:6]}"
    made = await side.ask("POST", "/roles", {"name": name, "permissions": ["DESK.READ"]})
    side.role = made.json()["code"]
    form = {"principal": "reporting", "purpose": f"of {slug}", "roles": ["viewer"]}
    side.key_id = UUID((await side.ask("POST", "/api-keys", form)).json()["id"])
    return side


@pytest.fixture
async def sides(tenancy: Tenancy, prepared: Installation) -> AsyncIterator[tuple[Side, Side]]:
    async with house_of(tenancy, prepared) as house, house.client() as client:
        yield await _side(house, client, "desk-alpha"), await _side(house, client, "desk-beta")


async def test_a_program_comes_in_with_its_key_until_it_is_revoked(sides: tuple[Side, Side]):
    side, _ = sides
    form = {"principal": "export", "purpose": "nightly", "roles": ["viewer"], "expires_at": "2999-01-01T00:00:00Z"}

    made = await side.ask("POST", "/api-keys", form)

    assert made.status_code == 201 and set(made.json()) == {"id", "key"}
    key = made.json()["key"]
    me = await side.ask("GET", "/me", token=key)
    assert (me.json()["email"], me.json()["permissions"]) == ("export", ["DESK.READ"])
    (listed,) = [one for one in (await side.ask("GET", "/api-keys")).json() if one["id"] == made.json()["id"]]
    assert (listed["roles"], listed["per_minute"], listed["limited_to"]) == (["viewer"], 100, None)
    assert listed["prefix"] in key and key not in str(listed)
    for method, path in (("GET", "/sessions"), ("DELETE", f"/sessions/{uuid4()}")):
        assert (await side.ask(method, path, token=key)).status_code in (403, 404)
    assert (await side.ask("DELETE", f"/api-keys/{listed['id']}")).status_code == 204
    refused = await side.ask("GET", "/me", token=key)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert (await side.ask("DELETE", f"/api-keys/{listed['id']}")).status_code == 404


async def test_a_key_that_comes_too_often_is_told_when_to_come_again(sides: tuple[Side, Side]):
    side, _ = sides
    form = {"principal": "eager", "purpose": "x", "roles": ["viewer"], "per_minute": 2}
    key = (await side.ask("POST", "/api-keys", form)).json()["key"]

    answers = [await side.ask("GET", "/me", token=key) for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert set(answers[2].json()) == {"type", "title", "status", "detail", "correlation_id"}
    newest = await side.house.tenancy.audit.newest(side.scope, 3)
    assert [one.outcome for one in newest if one.action == "api_key.use"] == ["denied"]


async def test_a_role_of_the_tenant_s_own_from_first_to_last(sides: tuple[Side, Side]):
    side, _ = sides
    form = {"name": f"Late {uuid4().hex[:6]}", "permissions": ["DESK.WRITE"]}
    code = (await side.ask("POST", "/roles", form)).json()["code"]
    viewer = side.people["viewer"]

    assert (await side.ask("PUT", f"/people/{viewer}/roles", {"roles": ["viewer", code]})).status_code == 204
    # Several roles allow what they allow together, and a token that is in use knows at once.
    assert (await side.ask("GET", "/me", who="viewer")).json()["permissions"] == ["DESK.READ", "DESK.WRITE"]
    assert (await side.ask("PUT", f"/roles/{code}/permissions", {"permissions": []})).status_code == 204
    assert (await side.ask("GET", "/me", who="viewer")).json()["permissions"] == ["DESK.READ"]
    assert (await side.ask("PUT", f"/roles/{code}/name", {"name": "Later"})).status_code == 204
    roles = {one["code"]: one for one in (await side.ask("GET", "/roles")).json()}
    assert (roles[code]["name"], roles[code]["members"], roles["admin"]["built_in"]) == ("Later", 1, True)
    rights = {one["permission"]: one for one in (await side.ask("GET", "/permissions")).json()}
    assert rights["DESK.WRITE"] == {"permission": "DESK.WRITE", "module": "DESK", "roles": ["admin"]}
    assert (await side.ask("DELETE", f"/roles/{code}")).status_code == 422
    assert (await side.ask("PUT", f"/people/{viewer}/roles", {"roles": ["viewer"]})).status_code == 204
    assert (await side.ask("DELETE", f"/roles/{code}")).status_code == 204
    assert (await side.ask("DELETE", f"/roles/{code}")).status_code == 404


async def test_somebody_who_is_deactivated_is_out_at_once_and_comes_back(sides: tuple[Side, Side]):
    side, _ = sides
    viewer = side.people["viewer"]

    assert (await side.ask("POST", f"/people/{viewer}/deactivate")).status_code == 204
    assert (await side.ask("GET", "/me", who="viewer")).status_code == 401
    listed = {one["email"]: one for one in (await side.ask("GET", "/people")).json()}
    assert (listed["viewer@desk-alpha.example"]["active"], listed["admin@desk-alpha.example"]["active"]) == (
        False,
        True,
    )
    assert (await side.ask("POST", f"/people/{viewer}/reactivate")).status_code == 204
    # What was signed in before stays out: its session was ended.
    assert (await side.ask("GET", "/me", who="viewer")).status_code == 401
    last = await side.ask("POST", f"/people/{side.people['admin']}/deactivate")
    assert (last.status_code, "administrator" in last.json()["detail"]) == (422, True)


async def test_somebody_who_is_locked_out_is_let_in_again(sides: tuple[Side, Side]):
    side, _ = sides
    form = {"tenant": side.scope.slug, "email": "viewer@desk-alpha.example", "password": "wrong"}

    async def locked() -> bool:
        return {one["id"]: one["locked"] for one in (await side.ask("GET", "/people")).json()}[
            str(side.people["viewer"])
        ]

    for _ in range(ATTEMPTS):
        refused = await side.client.post("/api/v1/auth/sign-in", json=form)
        assert refused.status_code == 401

    assert await locked()
    assert (await side.ask("POST", f"/people/{side.people['viewer']}/unlock")).status_code == 204
    assert not await locked()


async def test_sessions_are_seen_and_ended_by_their_person_and_by_the_administrator(sides: tuple[Side, Side]):
    side, _ = sides
    viewer, service = side.people["viewer"], side.house.service
    await service.sessions.end(side.scope, actor=TEST, person_id=viewer)
    opened = [await service.open_session(side.scope, viewer, PASSWORD) for _ in range(3)]
    first, second, third = opened

    seen = (await side.ask("GET", "/sessions", token=first.access)).json()
    assert {(one["id"], one["current"]) for one in seen} == {(str(one.session_id), one is first) for one in opened}
    assert (await side.ask("DELETE", f"/sessions/{second.session_id}", token=first.access)).status_code == 204
    assert (await side.ask("GET", "/me", token=second.access)).status_code == 401
    # Somebody else's of the same tenant is not theirs either.
    theirs = await side.ask("DELETE", f"/sessions/{side.sessions['admin']}", token=first.access)
    never = await side.ask("DELETE", f"/sessions/{uuid4()}", token=first.access)
    assert (theirs.status_code, never.status_code) == (404, 404)
    listed = (await side.ask("GET", f"/people/{viewer}/sessions")).json()
    assert {one["id"] for one in listed} == {str(first.session_id), str(third.session_id)}
    assert (await side.ask("DELETE", f"/people/{viewer}/sessions")).status_code == 204
    for one in (first, third):
        assert (await side.ask("GET", "/me", token=one.access)).status_code == 401


ADMINISTERING = [
    ("GET", "/people", None),
    ("PUT", "/people/{person}/roles", {"roles": ["viewer"]}),
    ("POST", "/people/{person}/deactivate", None),
    ("POST", "/people/{person}/reactivate", None),
    ("POST", "/people/{person}/unlock", None),
    ("GET", "/people/{person}/sessions", None),
    ("DELETE", "/people/{person}/sessions", None),
    ("POST", "/invitations", {"email": "new@desk-alpha.example", "roles": ["viewer"]}),
    ("GET", "/roles", None),
    ("POST", "/roles", {"name": "Mine", "permissions": []}),
    ("PUT", "/roles/{role}/name", {"name": "Mine"}),
    ("PUT", "/roles/{role}/permissions", {"permissions": []}),
    ("DELETE", "/roles/{role}", None),
    ("GET", "/permissions", None),
    ("GET", "/api-keys", None),
    ("POST", "/api-keys", {"principal": "mine", "purpose": "x", "roles": ["viewer"]}),
    ("DELETE", "/api-keys/{key}", None),
]


async def test_every_administering_route_is_tried(sides: tuple[Side, Side]):
    found = {
        (method.upper(), path)
        for path, forms in sides[0].house.app.openapi()["paths"].items()
        for method, form in forms.items()
        if "Administration" in form.get("tags", ())
    }
    tried = {
        (method, "/api/v1" + path.format(person="{person_id}", role="{code}", key="{key_id}"))
        for method, path, _ in ADMINISTERING
    }
    assert tried == found


async def test_nobody_administers_without_the_right_and_each_try_is_on_record(sides: tuple[Side, Side]):
    side, _ = sides
    for method, path, body in ADMINISTERING:
        asked = path.format(person=side.people["admin"], role=side.role, key=side.key_id)
        refused = await side.ask(method, asked, body, who="viewer")
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
        target = "/api/v1" + path.format(person="{person_id}", role="{code}", key="{key_id}")
        assert (await side.denials())[0] == ("user:viewer@desk-alpha.example", f"{method} {target}")


async def test_one_right_reaches_no_further_than_its_holder(sides: tuple[Side, Side]):
    side, _ = sides
    form = {"name": f"Helper {uuid4().hex[:6]}", "permissions": ["PLATFORM.MANAGE_PEOPLE", "DESK.READ"]}
    code = (await side.ask("POST", "/roles", form)).json()["code"]
    viewer, admin = side.people["viewer"], side.people["admin"]
    await side.ask("PUT", f"/people/{viewer}/roles", {"roles": [code]})

    assert (await side.ask("GET", "/people", who="viewer")).status_code == 200
    for method, path, body in [
        ("PUT", f"/people/{viewer}/roles", {"roles": ["admin"]}),
        ("POST", f"/people/{admin}/deactivate", None),
        ("DELETE", f"/people/{admin}/sessions", None),
        ("GET", "/api-keys", None),
        ("DELETE", f"/roles/{code}", None),
    ]:
        refused = await side.ask(method, path, body, who="viewer")
        assert refused.status_code == 403, (method, path)
        assert (await side.denials())[0][0] == "user:viewer@desk-alpha.example"
    assert (await side.ask("GET", "/me")).status_code == 200


def _shown(answer: httpx.Response, *asked: str) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-correlation-id")}
    body = answer.text.replace(answer.headers["x-correlation-id"], "it")
    for one in asked:
        body = body.replace(one, "it")
    return answer.status_code, headers, body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        *(one for one in ADMINISTERING if "{" in one[1]),
        ("DELETE", "/sessions/{session}", None),
        ("PUT", "/people/{own}/roles", {"roles": ["{role}"]}),
        ("POST", "/api-keys", {"principal": "mine", "purpose": "x", "roles": ["{role}"]}),
        ("POST", "/invitations", {"email": "new@desk-alpha.example", "roles": ["{role}"]}),
    ],
)
async def test_what_is_another_tenant_s_is_answered_like_what_never_was(
    sides: tuple[Side, Side], method: str, path: str, body: Any
):
    ours, theirs = sides
    never = "never_" + "x" * (len(theirs.role) - 6)
    places = [
        {
            "person": str(theirs.people["viewer"]),
            "key": str(theirs.key_id),
            "session": str(theirs.sessions["admin"]),
            "role": theirs.role,
        },
        {"person": str(uuid4()), "key": str(uuid4()), "session": str(uuid4()), "role": never},
    ]
    said: list[Any] = []
    for names in places:
        form = (
            None
            if body is None
            else {**body, **({"roles": [names["role"]]} if body.get("roles") == ["{role}"] else {})}
        )
        answer = await ours.ask(method, path.format(**names, own=ours.people["viewer"]), form)
        assert answer.status_code in (404, 422)
        said.append(_shown(answer, *names.values()))

    assert said[0] == said[1]
    assert (await theirs.ask("GET", "/me")).status_code == 200
    assert str(theirs.key_id) in (await theirs.ask("GET", "/api-keys")).text
    assert theirs.role in (await theirs.ask("GET", "/roles")).text
    for listing in ("/people", "/roles", "/permissions", "/api-keys", "/sessions"):
        text = (await ours.ask("GET", listing)).text
        assert [
            one for one in (*map(str, theirs.people.values()), theirs.role, str(theirs.key_id)) if one in text
        ] == []


async def test_after_a_rotation_both_keys_are_published_and_older_tokens_hold(sides: tuple[Side, Side]):
    side, _ = sides
    before = (await side.client.get("/.well-known/jwks.json")).json()["keys"]

    side.house.service.rotate_keys()

    after = (await side.client.get("/.well-known/jwks.json")).json()["keys"]
    assert before[0]["kid"] in [one["kid"] for one in after[1:]]
    assert (await side.ask("GET", "/me")).status_code == 200
    opened = await side.house.service.open_session(side.scope, side.people["viewer"], PASSWORD)
    assert (await side.ask("GET", "/me", token=opened.access)).status_code == 200
    side.house.service.rotate_keys(drop_older=True)
    assert (await side.ask("GET", "/me", token=opened.access)).status_code == 401
    assert len((await side.client.get("/.well-known/jwks.json")).json()["keys"]) == 1
    with pytest.raises(DeniedError):
        await side.house.service.verify(opened.access)
