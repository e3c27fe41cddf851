"""What an error tells the outside: enough to go on with, and nothing of what is behind the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from agents.api.headers import Headers
from agents.api.limits import BodyLimit
from agents.api.problems import UnauthenticatedError, install_problems
from core.db.errors import translate
from core.errors import DeniedError, InputError, NotFoundError, TerminalError, TransientError

_MOST = 1_000
_INSIDE = ("platform", "10.0.0.7", "bridges", "/srv/", "goldlayer_app")


def _of_the_server(foreign: Exception) -> Callable[[], None]:
    def fail() -> None:
        try:
            raise foreign
        except Exception as error:
            raise translate(error, where="platform") from error

    return fail


def _while_signing_in() -> None:
    try:
        _of_the_server(asyncpg.InvalidPasswordError('password authentication failed for user "goldlayer_app"'))()
    except DeniedError as error:
        raise UnauthenticatedError(error.what) from error


def _raise(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


_WORDS = {
    "down": (_of_the_server(OSError(111, "Connect call failed ('10.0.0.7', 5432)")), 503),
    "busy": (_raise(TransientError("every pool is in use", where="platform", next_step="raise /srv/setting")), 503),
    "bytes": (_of_the_server(asyncpg.CharacterNotInRepertoireError("invalid byte sequence of platform")), 422),
    "taken": (_of_the_server(asyncpg.UniqueViolationError('duplicate key in "bridges"')), 422),
    "refused": (_of_the_server(asyncpg.InsufficientPrivilegeError("permission denied for table bridges")), 500),
    "refused at sign-in": (_while_signing_in, 500),
    "broken": (_raise(TerminalError("the key is empty", where="/srv/secrets/key")), 500),
    "ours": (_raise(InputError("no such zone", expected="Europe/Oslo", received="Mars", where="/srv/x")), 422),
    "missing": (_raise(NotFoundError("no such session", where="platform")), 404),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(BodyLimit, most_bytes=_MOST)
    app.add_middleware(Headers)
    install_problems(app)

    async def fail(name: str) -> None:
        _WORDS[name][0]()

    async def take(body: dict[str, str]) -> int:
        return len(body)

    app.add_api_route("/fail/{name}", fail)
    app.add_api_route("/take", take, methods=["POST"])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest.mark.parametrize("name", _WORDS)
async def test_what_is_behind_the_service_is_never_named(client: httpx.AsyncClient, name: str):
    response = await client.get(f"/fail/{name}")

    assert response.status_code == _WORDS[name][1]
    assert response.headers["content-type"] == "application/problem+json"
    assert not [word for word in _INSIDE if word in response.text]
    assert response.json()["correlation_id"] == response.headers["x-correlation-id"]


async def test_what_was_wrong_with_the_request_is_said(client: httpx.AsyncClient):
    detail = (await client.get("/fail/ours")).json()["detail"]

    assert detail == "no such zone; expected Europe/Oslo; received 'Mars'"


async def test_whoever_should_come_back_is_told_when(client: httpx.AsyncClient):
    assert int((await client.get("/fail/down")).headers["retry-after"]) > 0


async def test_a_wrong_method_names_the_right_one(client: httpx.AsyncClient):
    response = await client.get("/take")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_that_is_too_large_is_refused_while_it_comes(client: httpx.AsyncClient, streamed: bool):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"a": "'
        for _ in range(10_000):
            sent += 100
            yield b"x" * 100

    response = await client.post("/take", content=endless() if streamed else b'{"a": "' + b"x" * _MOST + b'"}')

    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")
    assert response.json()["correlation_id"] == response.headers["x-correlation-id"]


async def test_a_body_within_the_limit_passes(client: httpx.AsyncClient):
    response = await client.post("/take", json={"a": "x" * (_MOST - 20)})

    assert (response.status_code, response.json()) == (200, 1)
