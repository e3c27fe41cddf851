"""From the page to the provider and back, in a real browser."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from core.identity.federation.providers import NewProvider
from core.tenancy import Tenancy
from core.vault import Secret
from tests.agents.api.accounts import house_of
from tests.agents.api.federation.conftest import PASSWORD, SECRET, TESTER
from tests.agents.api.test_page_session import listening, page_co
from tests.browser import Browser, chromium, tab

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [
    pytest.mark.integration,
    pytest.mark.keycloak,
    pytest.mark.browser,
    pytest.mark.xdist_group("keycloak"),
]


@pytest.fixture
def chrome() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on PATH")
    with chromium() as opened:
        yield opened


def _walk(browser: Browser, url: str) -> None:
    with tab(browser) as page:
        page.go(url)
        page.there("#sign-in:not([hidden])")
        page.click("input[name=email]")
        page.type("somebody@page-mail.example")
        page.click("input[name=password]")
        page.there("#ways a")
        assert page.texts("#ways a") == ["Page's own sign-in"]
        page.click("#ways a")
        page.there("#kc-form-login")
        for name, word in (("username", "ann"), ("password", PASSWORD)):
            page.click(f"input[name={name}]")
            page.type(word)
        page.click("#kc-login")
        page.there("#talk:not([hidden])")
        page.shows("· Page")  # The tenant's name; a person who is known elsewhere too keeps their own.
        # Another address has no such way.
        page.click("#leave")
        page.there("#sign-in:not([hidden])")
        page.click("input[name=email]")
        page.type("somebody@elsewhere.example")
        page.click("input[name=password]")
        page.until("document.querySelectorAll('#ways a').length === 0")
        assert page.errors == []


async def test_somebody_follows_their_address_to_the_provider_and_back(
    tenancy: Tenancy, prepared: Installation, keycloak: str, chrome: Browser
):
    taken = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with house_of(tenancy, prepared, url) as house, listening(house, taken):
        scope = await page_co(house)
        new = NewProvider("corp", "Page's own sign-in", "oidc", keycloak, client_id="goldlayer")
        await house.providers.add(scope, new, Secret(SECRET), actor=TESTER)
        await tenancy.domains.add(scope, "page-mail.example", actor=TESTER)
        await house.service.members.add(scope, "ann@north.example", "Ann", None, "viewer", actor=TESTER)
        await asyncio.to_thread(_walk, chrome, url)
