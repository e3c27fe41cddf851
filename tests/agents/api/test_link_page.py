"""What a person sees who opens an invitation or a reset link, in a real browser over the real service."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.audit import Actor
from core.identity import Authority
from core.identity.passwords import hash_password
from core.tenancy import Tenancy
from tests.agents.api.accounts import house_of
from tests.agents.api.test_page_session import listening
from tests.browser import DESK, PHONE, Browser, Page, chromium, tab

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(180)]
BY = Authority(Actor.command("test"), None)
OLD, GOOD, NEW = "a long enough password", "nine blue kettles sold", "ann sold nine kettles"
_PROBLEM = "#link .problem:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on PATH")
    with chromium() as opened:
        yield opened


def _fill(page: Page, form: str, **words: str) -> None:
    for name, word in words.items():
        page.js(f"document.querySelector('#{form} [name={name}]').value = ''")
        page.click(f"#{form} [name={name}]")
        page.type(word)


def _refusals(page: Page, *statuses: str) -> None:
    """The browser notes every answer that is no success; there are these and no other complaint."""
    found = [error.split("(")[-1].split(")")[0] for error in page.errors]
    assert (found, page.strangers) == (list(statuses), [])
    page.errors.clear()


def _invited(browser: Browser, url: str, link: str) -> None:
    with tab(browser) as page:
        page.go(link)
        page.there("#link:not([hidden])")
        page.shows("Join Links", "ann@link-page.example", "At least 10 characters")
        assert page.texts("#link label") == ["Your name", "New password"]
        page.shot("link-invitation")
        _fill(page, "link", name="Ann", password="short")
        page.click("#link [data-part=send]")
        page.there(_PROBLEM)
        assert page.texts(_PROBLEM) == ["The password is too short; expected 10 to 256 characters"]
        page.size(*PHONE)
        page.shot("link-invitation-refused-phone")
        page.size(*DESK)
        _fill(page, "link", password=GOOD)
        page.click("#link [data-part=send]")
        page.there("#talk:not([hidden])")
        page.shows("Ann · Links")
        assert page.js("location.href") == f"{url}/"
        _refusals(page, "Unprocessable Entity")
    with tab(browser) as page:
        page.go(link)
        page.there("#link.worthless:not([hidden])")
        page.shows("This link does not work")
        assert page.texts(_PROBLEM) == ["The link is not valid any more; ask for a new one"]
        assert page.js("document.querySelector('#link [name=password]').offsetParent") is None
        page.scheme("dark")
        page.shot("link-worthless-dark")
        page.click("#link [data-part=back]")
        page.there("#sign-in:not([hidden])")
        _refusals(page, "Unauthorized")


def _reset(browser: Browser, link: str) -> None:
    with tab(browser) as page:
        page.go(link)
        page.there("#link:not([hidden])")
        page.shows("New password for Links", "bob@link-page.example")
        assert page.texts("#link label:not([data-for])") == ["New password"]
        page.shot("link-reset")
        _fill(page, "link", password=NEW)
        page.click("#link [data-part=send]")
        page.there("#sign-in:not([hidden])")
        page.shows("The password is set. Sign in with it.")
        page.shot("link-reset-done")
        _fill(page, "sign-in", password=NEW)
        page.click("#sign-in button")
        page.there("#talk:not([hidden])")
        page.shows("Bob · Links")
        _refusals(page)


def _same(browser: Browser, url: str, mark: str, link: str) -> None:
    with tab(browser) as page:
        page.go(url)
        page.there("#sign-in:not([hidden])")
        _fill(page, "sign-in", tenant=mark, email="bob@link-page.example", password=NEW)
        page.click("#sign-in button")
        page.there("#talk:not([hidden])")
        page.js(f"location.href = '{link}'")  # the same page: nothing but what stands behind # changes
        page.there("#link:not([hidden])")
        page.shows("Join Links two", "Join as bob@link-page.example")
        page.shot("link-join-as-same-person")
        page.click("#link [data-part=join]")
        page.there("#talk:not([hidden])")
        page.shows("Bob · Links two")
        _refusals(page)


async def test_links_open_forms_that_set_passwords(tenancy: Tenancy, prepared: Installation, browser: Browser):
    async with house_of(tenancy, prepared, "http://127.0.0.1") as house, listening(house) as url:
        mark, service = f"link-page-{uuid4().hex[:6]}", house.service
        scope, two = [
            await tenancy.create(f"{mark}{end}", name, actor=BY.actor)
            for end, name in (("", "Links"), ("-two", "Links two"))
        ]
        bob = await service.members.add(
            scope, "bob@link-page.example", "Bob", await hash_password(OLD), "viewer", actor=BY.actor
        )
        invitation = await service.invitations.invite(scope, "ann@link-page.example", "", ["viewer"], by=BY)
        await asyncio.to_thread(_invited, browser, url, invitation.address(url))
        reset = await service.credentials.reset_link(scope, bob, by=BY)
        await asyncio.to_thread(_reset, browser, reset.address(url))
        other = await service.invitations.invite(two, "bob@link-page.example", "", ["viewer"], by=BY)
        await asyncio.to_thread(_same, browser, url, mark, other.address(url))

        assert (await service.members.by_email(two, "bob@link-page.example")).id == bob
