"""Sign-in through SAML 2.0, against a real provider."""

from __future__ import annotations

import base64
import re

import pytest

from tests.agents.api.federation.conftest import AUTH, Browser, House

pytestmark = [pytest.mark.integration, pytest.mark.keycloak, pytest.mark.xdist_group("keycloak")]
ACS = f"{AUTH}/sso-north/saml/corp-saml/acs"


def opened(response: str) -> str:
    return base64.b64decode(response).decode()


def closed(document: str) -> str:
    return base64.b64encode(document.encode()).decode()


@pytest.mark.parametrize(
    ("slug", "provider", "signs"),
    [
        ("sso-north", "corp-saml", ["Assertion"]),
        ("sso-south", "corp-saml", ["Response"]),
        ("sso-north", "both", ["Response", "Assertion"]),
    ],
    ids=str,
)
async def test_a_member_comes_in_whatever_the_provider_signs(
    house: House, browser: Browser, slug: str, provider: str, signs: list[str]
):
    await house.add(slug, provider, kind="saml", trusts_email=True)
    await house.member(slug, "ann@north.example")

    action, response = await browser.saml(slug, provider, "ann", "/fleet%3Fday=1")
    assert action == f"{AUTH}/{slug}/saml/{provider}/acs"
    signed = re.findall(
        r"<(?:samlp|saml):(\w+) [^>]*><saml:Issuer[^>]*>[^<]*</saml:Issuer><dsig:Signature", opened(response)
    )
    assert signed == signs
    inside = await browser.post(action, response)

    assert (inside.status_code, inside.headers["location"]) == (303, "/fleet?day=1")
    me = await browser.me()
    assert (me["email"], me["tenant_name"]) == ("ann@north.example", slug.title())
    assert (await house.tenancy.audit.newest(house.scopes[slug], 1))[0].after["method"] == f"external:{provider}"


async def test_an_address_counts_only_if_the_tenant_answers_for_it(house: House, browser: Browser):
    await house.add("sso-north", "corp-saml", kind="saml", just_in_time_role="viewer")
    await house.member("sso-north", "ann@north.example")

    refused = await browser.post(*await browser.saml("sso-north", "corp-saml", "ann"))

    assert (refused.status_code, await house.denied_because("sso-north")) == (401, "unknown")


async def test_a_response_is_good_once_in_one_browser_and_for_its_own_request(house: House, browser: Browser):
    await house.add("sso-north", "corp-saml", kind="saml", trusts_email=True)
    await house.member("sso-north", "ann@north.example")
    action, response = await browser.saml("sso-north", "corp-saml", "ann")
    ticket = browser.client.cookies.get("goldlayer_sign_in")

    # Without a ticket: nobody is signed in by a response they did not ask for.
    thief = Browser(house.app)
    assert (await thief.post(action, response)).status_code == 401
    # With a ticket of one's own: the response answers another request.
    await thief.go(f"{AUTH}/sso-north/saml/corp-saml/start")
    assert (await thief.post(action, response)).status_code == 401
    assert "InResponseTo" in await house.denied_because("sso-north")

    assert (await browser.post(action, response)).status_code == 303
    assert (await browser.post(action, response)).status_code == 401
    again = await browser.client.post(
        action, data={"SAMLResponse": response}, headers={"cookie": f"goldlayer_sign_in={ticket}"}
    )
    assert (again.status_code, await house.denied_because("sso-north")) == (401, "the ticket was used before")


async def test_what_was_changed_on_the_way_is_refused(house: House):
    await house.add("sso-north", "corp-saml", kind="saml", trusts_email=True)
    await house.member("sso-north", "ben@north.example")
    unsigned = re.compile(r"<dsig:Signature\b.*?</dsig:Signature>", re.DOTALL)
    for change in (
        lambda text: text.replace("ann@north.example", "ben@north.example"),
        lambda text: unsigned.sub("", text),
        lambda text: unsigned.sub("", text).replace("ann@north.example", "ben@north.example"),
        lambda text: text.replace("</samlp:Response>", "<!-- --></samlp:Response>").replace("<samlp:Status>", "", 1),
    ):
        browser = Browser(house.app)
        action, response = await browser.saml("sso-north", "corp-saml", "ann")
        changed = change(opened(response))
        assert changed != opened(response)

        refused = await browser.post(action, closed(changed))

        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await house.denied_because("sso-north")) not in refused.text


async def test_one_tenant_s_response_opens_no_door_of_another(house: House, browser: Browser):
    for slug in ("sso-north", "sso-south"):
        await house.add(slug, "corp-saml", kind="saml", trusts_email=True)
        await house.member(slug, "ann@north.example")
    _, response = await browser.saml("sso-north", "corp-saml", "ann")

    # The same realm signs for both, and the browser has a ticket of the other door too.
    await browser.go(f"{AUTH}/sso-south/saml/corp-saml/start")
    refused = await browser.post(f"{AUTH}/sso-south/saml/corp-saml/acs", response)

    assert refused.status_code == 401
    assert (await browser.post(ACS, response)).status_code == 303
    assert (await browser.me())["tenant_name"] == "Sso-North"


async def test_a_relay_state_leads_nowhere(house: House, browser: Browser):
    await house.add("sso-north", "corp-saml", kind="saml", trusts_email=True)
    await house.member("sso-north", "ann@north.example")
    inside = await browser.post(*await browser.saml("sso-north", "corp-saml", "ann"))
    assert inside.headers["location"] == "/"  # Posted along was an address elsewhere.


async def test_our_metadata_is_what_the_provider_needs(house: House, browser: Browser):
    await house.add("sso-north", "corp-saml", kind="saml")
    found = await browser.go(f"{AUTH}/sso-north/saml/corp-saml/metadata")
    assert (found.status_code, found.headers["content-type"]) == (200, "application/samlmetadata+xml")
    assert f'Location="{ACS}"' in found.text


async def test_metadata_may_come_as_a_file(house: House, browser: Browser):
    descriptor = (await browser.go(f"{house.issuer}/protocol/saml/descriptor")).text
    await house.member("sso-north", "ann@north.example")
    await house.add("sso-north", "corp-saml", kind="saml", trusts_email=True, metadata=descriptor)
    assert (await browser.post(*await browser.saml("sso-north", "corp-saml", "ann"))).status_code == 303

    await house.add("sso-north", "corp-saml", kind="saml", metadata=descriptor, issuer="https://another.example")
    assert (await browser.go(f"{AUTH}/sso-north/saml/corp-saml/start")).status_code == 502


@pytest.mark.parametrize("form", [{}, {"SAMLResponse": ""}, {"SAMLResponse": ["a", "b"]}], ids=str)
async def test_a_form_that_is_none_is_told_so(house: House, browser: Browser, form: dict[str, str]):
    await house.add("sso-north", "corp-saml", kind="saml")
    await browser.go(f"{AUTH}/sso-north/saml/corp-saml/start")
    assert (await browser.client.post(ACS, data=form)).status_code == 422
    assert (await browser.client.post(ACS, data={"SAMLResponse": "a" * (1 << 20)})).status_code == 422


async def test_groups_at_the_provider_give_roles_of_the_tenant(house: House, browser: Browser):
    mapping = (("plant-a", "operator"), ("reliability", "manager"), ("owners", "admin"))
    await house.add("sso-north", "corp-saml", kind="saml", trusts_email=True, role_claim="groups", roles=mapping)

    assert (await browser.post(*await browser.saml("sso-north", "corp-saml", "gil"))).status_code == 303

    member = await house.identity.members.by_email(house.scopes["sso-north"], "gil@north.example")
    assert member.roles == ["manager", "operator"]
