"""Sign-in through OpenID Connect, against a real provider."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import DeniedError
from core.identity import Authority
from core.run.ports import free_port
from tests.agents.api.federation.conftest import AUTH, TESTER, Browser, House

OPERATOR = Authority.command("test")
pytestmark = [pytest.mark.integration, pytest.mark.keycloak, pytest.mark.xdist_group("keycloak")]


async def test_a_member_comes_in_and_has_the_session_a_password_gives(house: House, browser: Browser):
    await house.add("sso-north", "corp")
    await house.member("sso-north", "ann@north.example")

    back = await browser.oidc("sso-north", "corp", "ann", "/fleet%3Fday=1")
    inside = await browser.go(back)

    assert (inside.status_code, inside.headers["location"]) == (303, "/fleet?day=1")
    assert "secure" in inside.headers["set-cookie"].lower() and "httponly" in inside.headers["set-cookie"].lower()
    me = await browser.me()
    assert (me["email"], me["tenant_name"]) == ("ann@north.example", "Sso-North")
    # Found by the address once, by the provider's subject from then on.
    newest = await house.tenancy.audit.newest(house.scopes["sso-north"], 10)
    assert [one.action for one in newest if one.action == "person.link"] == ["person.link"]
    assert newest[0].after["method"] == "external:corp"


async def test_what_is_asked_of_the_provider(house: House, browser: Browser):
    await house.add("sso-north", "corp")

    away = await browser.go(f"{AUTH}/sso-north/oidc/corp/start")

    asked = {name: value[0] for name, value in parse_qs(urlsplit(away.headers["location"]).query).items()}
    assert away.headers["location"].startswith(f"{house.issuer}/protocol/openid-connect/auth?")
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"{AUTH}/sso-north/oidc/corp/callback"
    again = await browser.go(f"{AUTH}/sso-north/oidc/corp/start")
    others = {name: value[0] for name, value in parse_qs(urlsplit(again.headers["location"]).query).items()}
    assert all(len(asked[name]) > 40 and asked[name] != others[name] for name in ("state", "nonce", "code_challenge"))
    cookie = away.headers["set-cookie"].lower()
    assert all(
        word in cookie for word in ("httponly", "secure", "samesite=lax", "path=/api/v1/auth/sso-north/oidc/corp")
    )


async def test_a_stranger_comes_in_only_where_the_tenant_wants_strangers(house: House, browser: Browser):
    await house.add("sso-north", "corp")
    back = await browser.oidc("sso-north", "corp", "dan")
    refused = await browser.go(back)
    assert (refused.status_code, await house.denied_because("sso-north")) == (401, "unknown")

    await house.add("sso-north", "corp", just_in_time_role="operator")
    inside = await browser.go(await Browser(house.app).oidc("sso-north", "corp", "fay"))
    assert inside.status_code == 401  # Another browser's ticket.
    other = Browser(house.app)
    assert (await other.go(await other.oidc("sso-north", "corp", "fay"))).status_code == 303

    members = {member.email: member.roles for member in await house.identity.people(house.scopes["sso-north"])}
    assert members.get("fay@north.example") == ["operator"] and "dan@north.example" not in members


async def test_an_address_nobody_verified_takes_over_nobody(house: House, browser: Browser):
    await house.add("sso-north", "corp", just_in_time_role="viewer")
    await house.member("sso-north", "ben@north.example")

    refused = await browser.go(await browser.oidc("sso-north", "corp", "ben"))

    assert refused.status_code == 401
    assert await house.denied_because("sso-north") == "unknown"
    stranger = Browser(house.app)
    assert (await stranger.go(await stranger.oidc("sso-north", "corp", "eve"))).status_code == 401
    assert "eve@north.example" not in await house.members("sso-north")
    await house.add("sso-north", "corp", trusts_email=True)
    trusted = Browser(house.app)
    assert (await trusted.go(await trusted.oidc("sso-north", "corp", "ben"))).status_code == 303


async def test_addresses_of_other_domains_stay_outside(house: House, browser: Browser):
    await house.add("sso-north", "corp", just_in_time_role="viewer", domains=("north.example",))

    refused = await browser.go(await browser.oidc("sso-north", "corp", "cat"))

    assert refused.status_code == 401
    assert await house.denied_because("sso-north") == "the address is outside of the provider's domains"
    assert "cat@elsewhere.example" not in await house.members("sso-north")


async def test_an_answer_is_good_once_and_in_one_browser(house: House, browser: Browser):
    await house.add("sso-north", "corp")
    await house.member("sso-north", "ann@north.example")
    back = await browser.oidc("sso-north", "corp", "ann")
    ticket = {name: value for name, value in browser.client.cookies.items() if name == "goldlayer_sign_in"}
    thief = Browser(house.app)
    assert (await thief.go(back)).status_code == 401

    assert (await browser.go(back)).status_code == 303
    assert (await browser.go(back)).status_code == 401
    again = await browser.client.get(back, headers={"cookie": f"goldlayer_sign_in={ticket['goldlayer_sign_in']}"})
    assert (again.status_code, await house.denied_because("sso-north")) == (401, "the ticket was used before")


async def test_the_provider_takes_a_code_once_and_from_its_own_sign_in(house: House, browser: Browser):
    await house.add("sso-north", "corp")
    await house.member("sso-north", "ann@north.example")
    stolen = parse_qs(urlsplit(await browser.oidc("sso-north", "corp", "ann")).query)["code"][0]

    # Somebody begins a sign-in of their own and brings the other's code: the verifier is not the code's.
    thief = Browser(house.app)
    away = await thief.go(f"{AUTH}/sso-north/oidc/corp/start")
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    callback = f"{AUTH}/sso-north/oidc/corp/callback"
    refused = await thief.go(f"{callback}?state={state}&code={stolen}&iss={house.issuer}")

    assert refused.status_code == 401
    assert await house.denied_because("sso-north") == "the provider does not accept the code"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "of another sign-in"}, "the answer belongs to another sign-in"),
        ({"state": None}, "the answer belongs to another sign-in"),
        ({"iss": "https://evil.example"}, "the answer is another issuer's"),
        ({"iss": None}, "the answer is another issuer's"),
        ({"code": None}, "the answer has no code"),
        ({"error": "access_denied"}, "the provider says access_denied"),
    ],
    ids=str,
)
async def test_an_answer_that_was_tampered_with_is_none(
    house: House, browser: Browser, change: dict[str, str | None], reason: str
):
    await house.add("sso-north", "corp")
    away = await browser.go(f"{AUTH}/sso-north/oidc/corp/start")
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    query = {"state": state, "code": "a code", "iss": house.issuer, **change}

    refused = await browser.client.get(
        f"{AUTH}/sso-north/oidc/corp/callback", params={name: value for name, value in query.items() if value}
    )

    assert (refused.status_code, await house.denied_because("sso-north")) == (401, reason)
    assert refused.headers["content-type"] == "application/problem+json"
    assert reason not in refused.text


async def test_one_tenant_s_provider_opens_no_door_of_another(house: House, browser: Browser):
    for slug in ("sso-north", "sso-south"):
        await house.add(slug, "corp")
        await house.member(slug, "ann@north.example")
    back = await browser.oidc("sso-north", "corp", "ann")
    ticket = browser.client.cookies.get("goldlayer_sign_in")

    elsewhere = back.replace("/sso-north/", "/sso-south/")
    refused = await browser.client.get(elsewhere, headers={"cookie": f"goldlayer_sign_in={ticket}"})

    assert refused.status_code == 401
    assert (await browser.go(back)).status_code == 303
    assert (await browser.me())["tenant_name"] == "Sso-North"


async def test_a_public_client_needs_no_secret(house: House, browser: Browser):
    await house.member("sso-north", "ann@north.example")
    await house.add("sso-north", "public", client_id="goldlayer-public", secret=None)
    assert (await browser.go(await browser.oidc("sso-north", "public", "ann"))).status_code == 303


async def test_doors_that_do_not_exist_cannot_be_told_apart(house: House, browser: Browser):
    await house.add("sso-north", "shut")
    await house.providers.set_enabled(house.scopes["sso-north"], "shut", False, actor=TESTER)
    await house.add("sso-north", "corp")

    paths = [
        "sso-north/oidc/shut",
        "sso-north/oidc/none",
        "sso-north/saml/corp",
        "no-such-co/oidc/corp",
        "n%00/oidc/corp",
    ]
    answers = [await browser.go(f"{AUTH}/{path}/start") for path in paths]
    said = {(one.status_code, one.json()["title"], one.json()["detail"]) for one in answers}

    assert said == {(404, "Not found", "no such way to sign in")}
    offered = (await browser.go(f"{AUTH}/sso-north/providers")).json()
    assert [one for one in offered if one["name"] == "corp"] == [
        {
            "name": "corp",
            "label": "Corporate sign-in",
            "kind": "oidc",
            "start": "/api/v1/auth/sso-north/oidc/corp/start",
        }
    ]
    assert "shut" not in [one["name"] for one in offered]
    unknown, empty = [await browser.go(f"{AUTH}/{slug}/providers") for slug in ("no-such-co", "sso-south-2")]
    assert unknown.json() == empty.json() == []


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/%5Cevil.example", "/%09/evil.example"])
async def test_no_way_leads_elsewhere(house: House, browser: Browser, to: str):
    await house.add("sso-north", "corp")

    assert (await browser.go(f"{AUTH}/sso-north/oidc/corp/start?to={to}")).status_code == 422


async def test_a_provider_in_trouble_is_told_apart_from_a_wrong_one(house: House, browser: Browser):
    away = f"http://127.0.0.1:{free_port()}/realms/plant"
    await house.add("sso-north", "down", issuer=away)
    await house.add("sso-north", "wrong", issuer=f"{house.issuer}-of-nobody")
    await house.add("sso-north", "badsecret", secret="not the secret")
    await house.member("sso-north", "ann@north.example")

    down = await browser.go(f"{AUTH}/sso-north/oidc/down/start")
    wrong = await browser.go(f"{AUTH}/sso-north/oidc/wrong/start")
    bad = await browser.go(await browser.oidc("sso-north", "badsecret", "ann"))

    assert [one.status_code for one in (down, wrong, bad)] == [503, 502, 502]
    for answer in (down, wrong, bad):
        assert answer.headers["content-type"] == "application/problem+json"
        assert "127.0.0.1" not in answer.text and "secret" not in answer.text
    # The tenant's log says which and why; knocking again does not fill it.
    assert (await browser.go(f"{AUTH}/sso-north/oidc/down/start")).status_code == 503
    newest = await house.tenancy.audit.newest(house.scopes["sso-north"], 20)
    told = [one for one in reversed(newest) if one.action == "identity_provider.fault"][-3:]
    assert [(one.target, one.outcome) for one in told] == [
        ("down", "failed"),
        ("wrong", "failed"),
        ("badsecret", "failed"),
    ]
    assert [one.after["reason"] for one in told] == [
        "the identity provider does not answer",
        "the identity provider refuses a request",
        "the identity provider gives no ID token",
    ]


async def test_a_suspended_tenant_lets_nobody_in(house: House, browser: Browser):
    await house.add("sso-south", "corp")
    await house.member("sso-south", "ann@north.example")
    back = await browser.oidc("sso-south", "corp", "ann")

    await house.tenancy.suspend(house.scopes["sso-south"], actor=TESTER)
    try:
        assert (await browser.go(back)).status_code == 404
        assert (await browser.go(f"{AUTH}/sso-south/providers")).json() == []
    finally:
        await house.tenancy.resume(house.scopes["sso-south"], actor=TESTER)


async def test_groups_at_the_provider_give_roles_of_the_tenant(house: House, browser: Browser):
    scope = house.scopes["sso-south"]
    mapping = (("plant-a", "operator"), ("reliability", "manager"), ("owners", "admin"))
    await house.add("sso-south", "grouped", role_claim="groups", roles=mapping)

    assert (await browser.go(await browser.oidc("sso-south", "grouped", "gil"))).status_code == 303
    stranger = Browser(house.app)
    refused = await stranger.go(await stranger.oidc("sso-south", "grouped", "dan"))

    assert (refused.status_code, await house.denied_because("sso-south")) == (401, "unknown")
    roles = {member.email: member.roles for member in await house.identity.people(scope)}
    assert roles["gil@north.example"] == ["manager", "operator"]
    # The mapping is made anew without one of them: what it gave before is not its own to take any more.
    await house.add("sso-south", "grouped", role_claim="groups", roles=(("plant-a", "viewer"), ("x", "operator")))
    again = Browser(house.app)
    await house.identity.members.set_roles(
        scope, (await house.identity.members.by_email(scope, "gil@north.example")).id, ["manager"], by=OPERATOR
    )
    assert (await again.go(await again.oidc("sso-south", "grouped", "gil"))).status_code == 303
    roles = {member.email: member.roles for member in await house.identity.people(scope)}
    assert roles["gil@north.example"] == ["manager", "viewer"]


async def test_the_domain_of_an_address_leads_to_its_tenant_s_providers(house: House, browser: Browser):
    for slug, domain in (("sso-north", "north-mail.example"), ("sso-south", "south-mail.example")):
        await house.tenancy.domains.add(house.scopes[slug], domain, actor=TESTER)
        for provider in await house.providers.list(house.scopes[slug]):
            await house.providers.remove(house.scopes[slug], provider.name, actor=TESTER)
        await house.add(slug, "every")
    await house.add("sso-north", "corp", domains=("north-mail.example",))
    await house.add("sso-north", "other", domains=("other.example",))
    await house.add("sso-north", "shut", domains=("north-mail.example",))
    await house.providers.set_enabled(house.scopes["sso-north"], "shut", False, actor=TESTER)

    async def ways(email: str) -> list[str]:
        answer = await browser.client.post(f"{AUTH}/ways", json={"email": email})
        assert answer.status_code == 200, answer.text
        return [one["start"] for one in answer.json()]

    north, south = "/api/v1/auth/sso-north/oidc/corp/start", "/api/v1/auth/sso-south/oidc/every/start"
    assert await ways("ann@north-mail.example") == await ways("NOBODY@North-Mail.Example") == [north]
    assert await ways("ann@south-mail.example") == [south]
    for nowhere in ("ann@other.example", "ann@sub.north-mail.example", "ann@gmail.com", "nothing", "a@b@", "ann@ü"):
        assert await ways(nowhere) == []
    await house.tenancy.suspend(house.scopes["sso-south"], actor=TESTER)
    try:
        assert await ways("ann@south-mail.example") == []
    finally:
        await house.tenancy.resume(house.scopes["sso-south"], actor=TESTER)


async def test_a_session_of_one_tenant_s_provider_enters_no_other_tenant(house: House, browser: Browser):
    for slug in ("sso-north", "sso-south"):
        await house.add(slug, "corp")
        await house.member(slug, "ann@north.example")
    assert (await browser.go(await browser.oidc("sso-north", "corp", "ann"))).status_code == 303
    renewed = await browser.client.post(f"{AUTH}/refresh", json={})

    identity = await house.identity.verify(renewed.json()["token"])
    for slug in ("sso-south", "sso-north"):
        with pytest.raises(DeniedError, match="good for one tenant"):
            await house.identity.switch(identity, slug)
