"""The page keeps its session by itself: in a real browser, over the real service."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from core.audit import Actor
from core.db import TenantScope
from core.identity.passwords import hash_password
from core.tenancy import Tenancy
from tests.agents.api.accounts import House, house_of
from tests.browser import Browser, Page, chromium, tab

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("page session")]
TEST = Actor.command("test")
_WORDS = {"tenant": "page-co", "email": "ann@page.example", "password": "a long enough password"}
_REFRESH = "/api/v1/auth/refresh"


async def page_co(house: House) -> TenantScope:
    """The tenant, with a member who has a password."""
    scope = await house.tenancy.create(_WORDS["tenant"], "Page", actor=TEST)
    hashed = await hash_password(_WORDS["password"])
    await house.service.members.add(scope, _WORDS["email"], "Ann", hashed, "viewer", actor=TEST)
    return scope


@pytest.mark.parametrize(
    ("public_url", "reached", "secure"),
    [
        ("https://goldlayer.example", "http://inside", True),  # a proxy in front ends TLS
        ("http://127.0.0.1:8000", "https://inside", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False),
    ],
)
async def test_the_refresh_cookie_travels_by_tls_only_wherever_there_is_tls(
    tenancy: Tenancy, prepared: Installation, public_url: str, reached: str, secure: bool
):
    async with house_of(tenancy, prepared, public_url) as house, house.client(reached) as client:
        await page_co(house)
        signed_in = await client.post("/api/v1/auth/sign-in", json=_WORDS)
        token = signed_in.json()["token"]
        cookie = signed_in.headers["set-cookie"].split("; ")
        renewed = await client.post(_REFRESH, json={}, headers={"cookie": cookie[0]})
        left = await client.post("/api/v1/auth/sign-out", headers={"authorization": f"Bearer {token}"})

    for answer in (signed_in, renewed, left):
        words = {word.lower() for word in answer.headers["set-cookie"].split("; ")}
        assert ("secure" in words) is secure
        assert {"httponly", "samesite=strict", "path=/api/v1/auth"} <= words
    assert renewed.json()["expires_in"] == 15 * 60
    assert cookie[0] != renewed.headers["set-cookie"].split("; ")[0]


async def test_without_a_cookie_there_is_nothing_to_renew(tenancy: Tenancy, prepared: Installation):
    async with house_of(tenancy, prepared) as house, house.client() as client:
        nothing = await client.post(_REFRESH, json={})
        made_up = await client.post(_REFRESH, json={}, headers={"cookie": "goldlayer_refresh=made-up"})

    assert (nothing.status_code, nothing.content) == (204, b"")
    assert (made_up.status_code, made_up.headers["content-type"]) == (401, "application/problem+json")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on PATH")
    with chromium() as opened:
        yield opened


@asynccontextmanager
async def listening(house: House, taken: socket.socket | None = None) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(house.app, log_level="error", lifespan="off", timeout_keep_alive=60))
    taken = taken or socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([taken]))
    yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    server.should_exit = True
    await serving


def _held(page: Page) -> dict[str, Any]:
    return page.js("JSON.parse(sessionStorage.getItem('session'))")


def _hold(page: Page, url: str, change: str) -> None:
    """Change what the tab holds, as if time had passed, and come back to the page."""
    page.js(
        "(() => { const held = JSON.parse(sessionStorage.getItem('session'));"
        f" {change}; sessionStorage.setItem('session', JSON.stringify(held)); }})()"
    )
    page.go(url)


def _sign_in(page: Page, url: str) -> None:
    page.go(url)
    page.there("#sign-in:not([hidden])")
    for name, word in _WORDS.items():
        page.click(f"input[name={name}]")
        page.type(word)
    page.click("#sign-in button")
    page.there("#talk:not([hidden])")


def _walk(browser: Browser, url: str) -> None:
    with tab(browser) as page:
        _sign_in(page, url)
        first = _held(page)
        # Nothing to renew while the token is young: the page says who is here with it.
        _hold(page, url, "")
        page.there("#talk:not([hidden])")
        assert _held(page)["token"] == first["token"]
        # Shortly before the end, before anything is refused.
        _hold(page, url, "held.until = Date.now() + 1000; held.token = 'over'")
        page.there("#talk:not([hidden])")
        second = _held(page)
        assert (second["id"], second["token"] == first["token"]) == (first["id"], False)
        assert page.errors == []
        # A token that was refused all the same, a machine that slept: renewed once and asked again.
        _hold(page, url, "held.token = 'over'")
        page.there("#talk:not([hidden])")
        assert [error.split(" http")[0].rsplit(" ", 1)[-1] for error in page.errors] == ["(Unauthorized)"]
        page.errors.clear()
        # Many requests at once renew once: a refresh token that came twice would have ended the session.
        many = (
            "Promise.all([1, 2, 3, 4].map(() => session.request('/api/v1/me'))).then(all => all.map(one => one.status))"
        )
        page.js(
            "(() => { const held = JSON.parse(sessionStorage.getItem('session'));"
            " held.until = 0; sessionStorage.setItem('session', JSON.stringify(held)); })()"
        )
        assert page.js(f"import('/session.js?again').then(session => {many})") == [200] * 4
        # A tab without anything of its own, as after sign-in at an identity provider: the cookie is enough.
        page.js("sessionStorage.clear()")
        page.go(url)
        page.there("#talk:not([hidden])")
        assert _held(page)["id"] == first["id"]
        # What is asked for while somebody leaves may be refused.
        page.until("performance.getEntriesByName(`${origin}/api/v1/tools`).length > 0")
        page.click("#leave")
        page.there("#sign-in:not([hidden])")
        page.go(url)
        page.there("#sign-in:not([hidden])")
        assert _held(page) is None


@pytest.mark.browser
@pytest.mark.timeout(180)
async def test_the_page_renews_its_session_and_ends_it(tenancy: Tenancy, prepared: Installation, browser: Browser):
    async with house_of(tenancy, prepared, "http://127.0.0.1") as house, listening(house) as url:
        scope = await page_co(house)
        before = len(await house.service.sessions.all(scope))
        await asyncio.to_thread(_walk, browser, url)
        assert len(await house.service.sessions.all(scope)) == before
