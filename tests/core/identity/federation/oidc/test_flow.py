"""The way back from a provider whose keys change, which keeps claims elsewhere, or wants the secret in the form."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from core.identity.federation.claimed import Claimed
from core.identity.federation.errors import ProviderFaultError, RefusedError
from core.identity.federation.fetch import Fetcher
from core.identity.federation.oidc.flow import OidcFlow
from core.identity.federation.providers import Provider
from core.identity.federation.ticket import Ticket
from core.vault import Secret
from tests.core.identity.federation.conftest import CLIENT, Issuer

HERE = "https://goldlayer.example/callback"
SECRET = Secret("s%cret + more")


@pytest.fixture
async def flow() -> AsyncIterator[OidcFlow]:
    fetcher = Fetcher()
    yield OidcFlow(fetcher)
    await fetcher.close()


async def come_back(flow: OidcFlow, issuer: Issuer, secret: Secret | None = SECRET) -> Claimed:
    ticket = Ticket.new("/")
    issuer.claims["nonce"] = ticket.nonce
    provider = Provider(
        uuid4(), "corp", "Corp", "oidc", issuer.address, CLIENT, None, None, (), False, None, True, secret is not None
    )
    begun = await flow.begin(provider, ticket, HERE)
    assert begun.startswith(f"{issuer.address}/auth?tenant=1&response_type=code&")
    return await flow.finish(provider, ticket, HERE, secret, {"state": ticket.id, "code": "a code"})


async def test_keys_that_change_are_asked_for_again_but_not_for_every_stranger(flow: OidcFlow, issuer: Issuer):
    issuer.claims |= {"email": "ann@north.example", "email_verified": True, "name": "Ann"}
    assert await come_back(flow, issuer) == Claimed("s-1", "ann@north.example", "Ann", True)
    assert (await come_back(flow, issuer)).verified
    assert [path for path, *_ in issuer.asked].count("/keys") == 1

    issuer.signing = 1
    with pytest.raises(RefusedError, match="no key"):  # Asked a moment ago: not again at once.
        await come_back(flow, issuer)
    assert [path for path, *_ in issuer.asked].count("/keys") == 1
    fetcher = Fetcher()
    later = OidcFlow(fetcher, ask_again_s=0.0)
    issuer.signing = 0
    await come_back(later, issuer)
    issuer.signing = 1
    assert (await come_back(later, issuer)).email == "ann@north.example"
    await fetcher.close()


async def test_claims_the_token_lacks_come_from_userinfo_if_they_are_the_same_person_s(flow: OidcFlow, issuer: Issuer):
    issuer.userinfo = {
        "sub": "s-1",
        "email": "ann@north.example",
        "email_verified": "true",
        "name": "Ann",
    }
    assert await come_back(flow, issuer) == Claimed("s-1", "ann@north.example", "Ann", True)
    assert ("/userinfo", "Bearer the access token", {}) in issuer.asked

    issuer.userinfo = {"sub": "s-2", "email": "ben@north.example", "email_verified": True}
    with pytest.raises(RefusedError, match="somebody else's"):
        await come_back(flow, issuer)
    issuer.userinfo = {"sub": "s-1", "email": "ann@north.example"}
    assert not (await come_back(flow, issuer)).verified


async def test_the_secret_goes_where_the_provider_wants_it(issuer: Issuer):
    issuer.claims["email"] = "ann@north.example"
    seen: list[tuple[str, dict[str, str]]] = []
    for methods, secret in ((["client_secret_basic"], SECRET), (["client_secret_post"], SECRET), (["none"], None)):
        issuer.more = {"token_endpoint_auth_methods_supported": methods}
        fetcher = Fetcher()
        await come_back(OidcFlow(fetcher), issuer, secret)
        await fetcher.close()
        seen.append(next((auth, form) for path, auth, form in reversed(issuer.asked) if path == "/token"))

    basic = base64.b64decode(seen[0][0].removeprefix("Basic ")).decode()
    assert basic == "a+client%3A+odd:s%25cret+%2B+more" and "client_secret" not in seen[0][1]
    assert seen[1][0] == "" and (seen[1][1]["client_id"], seen[1][1]["client_secret"]) == (CLIENT, SECRET.reveal())
    assert seen[2][0] == "" and seen[2][1]["client_id"] == CLIENT and "client_secret" not in seen[2][1]
    assert all(len(form["code_verifier"]) >= 43 and form["redirect_uri"] == HERE for _, form in seen)


async def test_another_issuer_s_document_is_not_believed(flow: OidcFlow, issuer: Issuer):
    issuer.more = {"issuer": "https://evil.example"}

    with pytest.raises(ProviderFaultError, match="another issuer"):
        await come_back(flow, issuer)
