"""What is read from a discovery document, and what is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.oidc.discovery import document_url, parse

ISSUER = "https://id.example/realms/plant"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "authorization_response_iss_parameter_supported": True,
}


def test_a_document_is_read():
    published = parse(ISSUER, DOCUMENT)

    assert published.algorithms == ("RS256", "ES256")
    assert (published.token, published.userinfo) == (f"{ISSUER}/token", f"{ISSUER}/userinfo")
    assert (published.secret_in_form, published.tells_issuer) == (False, True)
    assert document_url(f"{ISSUER}/") == document_url(ISSUER) == f"{ISSUER}/.well-known/openid-configuration"


def test_what_a_document_may_leave_out():
    needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
    least = parse(ISSUER, {name: DOCUMENT[name] for name in needed})

    assert (least.algorithms, least.userinfo, least.tells_issuer) == (("RS256",), None, False)
    posted = parse(ISSUER, {**DOCUMENT, "token_endpoint_auth_methods_supported": ["client_secret_post"]})
    assert posted.secret_in_form


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.example/token"},
        {"jwks_uri": "file:///etc/keys"},
        {"jwks_uri": "http://localhost:8080/keys"},
        {"token_endpoint": "http://127.0.0.1:8080/token"},
        {"userinfo_endpoint": "https://[::1]/userinfo"},
        {"authorization_endpoint": ["https://id.example"]},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_what_is_not_believed(change: dict[str, Any]):
    with pytest.raises(ProviderFaultError):
        parse(ISSUER, {**DOCUMENT, **change})
