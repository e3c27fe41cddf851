"""What is found of a provider before anybody signs in."""

from __future__ import annotations

from uuid import uuid4

import pytest

from core.identity.federation.errors import ProviderDownError, ProviderFaultError
from core.identity.federation.oidc.id_token import SKEW_S
from core.identity.federation.probe import probe
from core.identity.federation.providers import Provider
from core.vault import Secret
from tests.core.identity.federation.conftest import CLIENT, Issuer

HERE = "https://goldlayer.example/callback"


async def found(issuer: Issuer) -> dict[str, str]:
    provider = Provider(
        uuid4(), "corp", "Corp", "oidc", issuer.address, CLIENT, None, None, (), False, None, True, True
    )
    return {one.what: one.found for one in await probe(provider, Secret("known"), HERE)}


@pytest.fixture(autouse=True)
def no_such_code(issuer: Issuer) -> None:
    issuer.status, issuer.error = {"/token": 400}, "invalid_grant"


async def test_a_provider_that_knows_us_is_found_good(issuer: Issuer):
    told = await found(issuer)

    assert (told["issuer"], told["keys"], told["client"]) == (issuer.address, "1", "accepted")
    assert abs(float(told["clock"].removesuffix(" s"))) <= SKEW_S
    (form,) = [form for path, _, form in issuer.asked if path == "/token"]
    assert (form["grant_type"], form["redirect_uri"]) == ("authorization_code", HERE)


@pytest.mark.parametrize(("status", "error"), [(401, "invalid_client"), (400, "unauthorized_client"), (401, "no")])
async def test_a_provider_that_does_not_know_us_is_told(issuer: Issuer, status: int, error: str):
    issuer.status, issuer.error = {"/token": status}, error

    with pytest.raises(ProviderFaultError, match="does not accept our client"):
        await found(issuer)


@pytest.mark.parametrize("ahead_s", [SKEW_S + 60, -SKEW_S - 60])
async def test_clocks_that_disagree_are_told(issuer: Issuer, ahead_s: float):
    issuer.ahead_s = ahead_s

    with pytest.raises(ProviderFaultError, match="clocks") as raised:
        await found(issuer)

    assert str(raised.value.received).startswith("+" if ahead_s > 0 else "-")


async def test_a_provider_out_of_order_is_down(issuer: Issuer):
    issuer.status = {"/keys": 503}
    with pytest.raises(ProviderDownError):
        await found(issuer)
