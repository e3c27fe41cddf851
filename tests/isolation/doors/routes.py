"""Every route of the agent service, as it describes itself: each parameter, body field and header in turn.

A new route is tried as soon as it exists. A new kind of parameter has to be told here what of B it could name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import FastAPI
from fastapi.routing import APIRoute

from core.errors import NotFoundError
from core.identity import Authority
from tests.isolation.attempt import Attempt
from tests.isolation.filling import ACTOR
from tests.isolation.techniques import Tried, hostile, some
from tests.isolation.world import PASSWORD, B, World

_PAGES = ("/", "/page.css", "/page.js", "/session.js", "/link.js", "/render.js", "/icon.svg")
NOT_A_DOOR = {f"routes.GET {path}": "a file of the page, the same for everybody" for path in _PAGES}
NOT_A_DOOR["routes.GET /openapi.json"] = "describes the routes, the same for everybody"
_DOOR = "where somebody knocks who is not signed in; shows what a tenant offers to strangers, and B offers nothing"
_LINK = "the link says who asks; the room of tokens tries it"
_OPEN = {
    "POST /api/v1/auth/sign-in": "one is signed in by it",
    "POST /api/v1/auth/refresh": "the refresh cookie says who asks; the room of tokens tries it",
    "POST /api/v1/auth/invitations/accept": _LINK,
    "POST /api/v1/auth/invitations/look": _LINK,
    "POST /api/v1/auth/password-reset": _LINK,
    "POST /api/v1/auth/password-reset/look": _LINK,
    "POST /api/v1/auth/ways": _DOOR,
    "GET /api/v1/auth/{slug}/providers": _DOOR,
    "GET /api/v1/auth/{slug}/oidc/{provider}/start": _DOOR,
    "GET /api/v1/auth/{slug}/oidc/{provider}/callback": _DOOR,
    "GET /api/v1/auth/{slug}/saml/{provider}/start": _DOOR,
    "POST /api/v1/auth/{slug}/saml/{provider}/acs": _DOOR,
    "GET /api/v1/auth/{slug}/saml/{provider}/metadata": _DOOR,
    "GET /health": "says that the service is up",
    "GET /.well-known/jwks.json": "public keys, the same for everybody",
}
"""What needs no access token, and why."""
_ENDS_ITS_SESSION = {"POST /api/v1/auth/sign-out"}
"""Asked with a session opened for it, so that whoever asks next is still signed in."""
_NEEDS_A_PROVIDER = {
    "GET /api/v1/auth/{slug}/oidc/{provider}/start",
    "GET /api/v1/auth/{slug}/oidc/{provider}/callback",
    "POST /api/v1/auth/{slug}/saml/{provider}/acs",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/invitations/join",
}
"""Where A gets its own only with what an identity provider, a cookie or a third tenant's invitation brings along."""
_ADMINISTERED = ("/api/v1/people", "/api/v1/invitations", "/api/v1/roles", "/api/v1/permissions", "/api/v1/api-keys")
"""Routes that A's administrator asks."""
_BY_LINK = ("/api/v1/auth/invitations", "/api/v1/auth/password-reset")
_WRITE = ("/api/v1/sessions", "/api/v1/auth/switch", *_BY_LINK, *_ADMINISTERED)
_SLOW = ("/api/v1/scada-monitor", "/api/v1/fleet-reliability", "/api/v1/auth/sign-in", "/api/v1/chat", *_WRITE)
"""Routes that read the lake, think, write or hash a password: some inputs only."""
_FEW = 3
_OWN_WORDS = {"name", "purpose", "principal"}
"""What A calls its things and is shown again."""
_LISTS = {"roles", "permissions", "limited_to"}
_HEADERS = (
    *("x-tenant-id", "x-tenant", "x-tenant-slug", "tenant", "x-forwarded-host", "x-original-url", "x-rewrite-url"),
    *(
        "host",
        "origin",
        "referer",
        "cookie",
        "forwarded",
        "x-goldlayer-tenant",
        "x-person-id",
        "x-http-method-override",
    ),
)


@dataclass(frozen=True)
class Route:
    """A route as the API description has it."""

    method: str
    path: str
    in_path: tuple[str, ...] = ()
    in_query: tuple[str, ...] = ()
    in_body: tuple[str, ...] = ()
    required: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """`GET /api/v1/me`."""
        return f"{self.method} {self.path}"

    @property
    def slow(self) -> bool:
        """One look takes long."""
        return self.path.startswith(_SLOW)


def kinds(world: World) -> dict[str, tuple[Any, Any]]:
    """For each parameter by name: what A may ask for, and what only B has."""
    a, b = world.a, world.b
    return {
        "equipment_id": ("pump-1", "hidden-pump-1"),
        "equipment_type": ("centrifugal_pump", "hidden_pump"),
        "signal": ("flow", "hidden_flow"),
        "fault_code": ("SEAL_LEAK", "HIDDEN_LEAK"),
        "kpi": ("availability", "hidden_kpi"),
        "first": ("2023-04-05", "2023-04-05"),
        "last": ("2023-04-07", "2023-04-07"),
        "top": (3, 50),
        "most": (3, 500),
        "session_id": (None, str(b.session_id)),
        "message": ("Which machines are there?", "How is hidden-pump-1 in hidden-hall of twin-beta?"),
        "tenant": (a.scope.slug, b.scope.slug),
        "email": (a.email, b.email),
        "slug": (a.scope.slug, b.scope.slug),
        "provider": ("works-login", "hidden-login"),
        "to": ("/", f"//{b.scope.slug}.example"),
        "token": ("no link", b.administering.spent),
        "password": (PASSWORD, f"{PASSWORD}!"),
        "auth_session_id": (str(a.session_id), str(b.tokens.session_id)),  # A's, which asks, has to last
        "person_id": (str(a.administering.helper_id), str(b.administering.helper_id)),
        "roles": (["viewer"], b.administering.role),
        "code": (a.administering.role, b.administering.role),
        "name": ("night role", "hidden role"),
        "permissions": (["SCADA.READ"], "HIDDEN.READ"),
        "key_id": (str(a.administering.key_id), str(b.administering.key_id)),
        "principal": ("own-program", "hidden-program"),
        "purpose": ("own key", "hidden key"),
        "limited_to": (["SCADA.READ"], "HIDDEN.READ"),
        "per_minute": (60, 61),
        "expires_at": ("2999-01-01T00:00:00Z", "2999-01-02T00:00:00Z"),
    }


def described(app: FastAPI) -> list[Route]:
    """Every route of the API description."""
    document = app.openapi()
    schemas = document.get("components", {}).get("schemas", {})
    return [
        _route(method.upper(), path, form, schemas)
        for path, forms in document["paths"].items()
        for method, form in forms.items()
    ]


def _route(method: str, path: str, form: dict[str, Any], schemas: dict[str, Any]) -> Route:
    places = {"path": [], "query": []}
    for one in form.get("parameters", ()):
        places.setdefault(one["in"], []).append(one["name"])
    body = form.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = body.get("oneOf", [body])[0]  # of one thing or a list of them, the one
    body = schemas.get(body.get("$ref", "").rpartition("/")[2], body)
    fields = tuple(body.get("properties", {}))
    return Route(method, path, tuple(places["path"]), tuple(places["query"]), fields, tuple(body.get("required", ())))


def found(world: World) -> set[str]:
    """Every route, also those that are not described; and every parameter, which has to be one of `kinds`."""
    doors = {f"routes.{route.name}" for route in described(world.app)}
    for route in _all(world.app.routes):
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            doors |= {f"routes.{method} {route.path}" for method in (route.methods or ()) if method != "HEAD"}
    known = kinds(world)
    for route in described(world.app):
        unknown = {*route.in_path, *route.in_query, *route.in_body} - known.keys()
        doors |= {f"routes.parameter {name} of {route.name}" for name in unknown}
    return doors


def _all(routes: list[Any]) -> Iterator[Any]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        yield from _all(inner.routes) if inner is not None else [route]


def attempts(world: World) -> Iterator[Attempt]:
    """Each route: without a token, with headers that name B, and with every input in every place."""
    for route in described(world.app):
        if route.name not in _NEEDS_A_PROVIDER:
            yield _attempt(world, route, "own thing", "", {}, own=True)
        yield from _without_token(world, route)
        yield from _headers(world, route)
        for name in (*route.in_path, *route.in_query, *route.in_body):
            yield from _inputs(world, route, name)
        for name in ("tenant_id", "tenant", "slug", "scope", "ten", "tid")[: 1 if route.slow else 6]:
            for told in (B,) if route.slow else (B, str(world.b.scope.id)):
                yield _attempt(world, route, "a field that names a tenant", told, {name: told})


def _inputs(world: World, route: Route, name: str) -> Iterator[Attempt]:
    if name in _OWN_WORDS:
        return
    _, hidden = kinds(world).get(name, ("", "hidden"))
    tried: list[Tried] = [("thing of the other tenant", str(hidden)), *hostile(world.names, str(hidden))]
    for technique, text in some(tried, _FEW) if route.slow else tried:
        # A question is read as words, and other words are read otherwise: what counts is what is told.
        yield _attempt(world, route, technique, text, {name: text}, openly=name == "message")


def _without_token(world: World, route: Route) -> Iterator[Attempt]:
    if route.name in _OPEN:
        return
    told = (
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        f"Basic {world.a.token}",
        world.a.token,
        f"Bearer {world.b.token[:-4]}",
    )
    told += (f"Bearer {world.a.token}x", f"Bearer {world.a.token} {world.a.token}", f"Token {world.b.token}")
    told += (f"Bearer {B}", f"Bearer {world.b.scope.id}", f"Bearer {world.b.bridge_key}", "Bearer ey.ey.ey")
    for header in told:
        headers = {"authorization": header} if header else {}
        yield _attempt(world, route, "no valid token", header, {}, headers, refused=True)


def _headers(world: World, route: Route) -> Iterator[Attempt]:
    for header in _HEADERS[:1] if route.slow else _HEADERS:
        for value in (B,) if route.slow else (B, str(world.b.scope.id), f"{B}.example"):
            headers = {"authorization": f"Bearer {_token(world, route)}", header: value}
            yield _attempt(world, route, "a header that names a tenant", value, {}, headers)


def _attempt(
    world: World,
    route: Route,
    technique: str,
    asked: str,
    given: dict[str, str],
    headers: dict[str, str] | None = None,
    *,
    refused: bool = False,
    own: bool = False,
    openly: bool = False,
) -> Attempt:
    known = kinds(world)
    usual = {name: known[name][0] for name in (*route.in_path, *route.in_query, *route.in_body) if name in known}
    sent = headers if headers is not None else {"authorization": f"Bearer {_token(world, route)}"}

    async def call(text: str) -> Any:
        used_up = {} if refused else await _to_use_up(world, route)
        told_of = {name: [text] if name in _LISTS else text for name in given}
        values = usual | used_up | told_of
        path = route.path
        for name in route.in_path:
            path = path.replace(f"{{{name}}}", quote(_sendable(str(values[name])), safe=""))
        query = {name: _sendable(str(values[name])) for name in values if name in (*route.in_query, *given)}
        query = {name: value for name, value in query.items() if name not in (*route.in_path, *route.in_body)}
        values = {name: value for name, value in values.items() if value is not None}
        body = {name: values[name] for name in values if name in route.in_body or (name in given and route.in_body)}
        told = {name: _header(text if value == asked else value) for name, value in sent.items()}
        if route.name in _ENDS_ITS_SESSION and not refused:
            tokens = await world.identity.open_session(world.a.scope, world.a.person_id, "password")
            told["authorization"] = _header(f"Bearer {tokens.access}")
        content = json.dumps(body).encode() if route.in_body else None
        told |= {"content-type": b"application/json"} if route.in_body else {}
        return await world.client.request(route.method, path, params=query, headers=told, content=content)

    return Attempt(f"routes.{route.name}", technique, asked, call, refused=refused, own=own, openly=openly)


def _token(world: World, route: Route) -> str:
    return world.a.administering.token if route.path.startswith(_ADMINISTERED) else world.a.token


async def _to_use_up(world: World, route: Route) -> dict[str, Any]:
    """A thing of A for a route that ends it, and room for what a route makes."""
    identity, scope, by = world.identity, world.a.scope, Authority(ACTOR, None)
    if route.name in ("POST /api/v1/roles", "DELETE /api/v1/roles/{code}"):
        with suppress(NotFoundError):
            await identity.roles.delete(scope, "night_role", by=by)
        making = route.method == "POST"
        return {} if making else {"code": await identity.roles.create(scope, "night role", [], by=by)}
    if route.name == "DELETE /api/v1/api-keys/{key_id}":
        return {"key_id": str((await identity.api_keys.create(scope, "own-program", "x", ["viewer"], by=by)).id)}
    if route.name == "POST /api/v1/invitations":
        return {"email": "new@works.example"}
    if route.name == "POST /api/v1/auth/invitations/look":
        # One address for all: what is shown of it is then the same each time.
        return {
            "token": (await identity.invitations.invite(scope, "seen@works.example", "New", ["viewer"], by=by)).token
        }
    if route.name == "POST /api/v1/auth/invitations/accept":
        email = f"new-{uuid4().hex}@works.example"
        return {"token": (await identity.invitations.invite(scope, email, "New", ["viewer"], by=by)).token}
    if route.name in ("POST /api/v1/auth/password-reset", "POST /api/v1/auth/password-reset/look"):
        helper = world.a.administering.helper_id
        return {"token": (await identity.credentials.reset_link(scope, helper, by=by)).token}
    if route.name == "DELETE /api/v1/sessions/{auth_session_id}":
        opened = await identity.open_session(scope, world.a.person_id, "password")
        return {"auth_session_id": str(opened.session_id)}
    return {}


def _sendable(text: str) -> str:
    """Lone surrogates cannot travel in a URL."""
    return text.encode("utf-8", "replace").decode()


def _header(value: str) -> bytes:
    return value.encode("utf-8", "replace")
