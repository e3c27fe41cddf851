"""What a provider publishes about itself (OpenID Connect Discovery 1.0). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.fetch import check_address, is_here

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures an ID token may carry: with a key pair only, so that nobody who verifies can sign."""


@dataclass(frozen=True, slots=True)
class Published:
    """The part of a discovery document that a sign-in needs.

    Attributes:
        issuer: as it must stand in ID tokens.
        authorization: where the browser goes.
        token: where a code is exchanged.
        keys: where the signing keys are.
        userinfo: where claims are that the ID token lacks, if anywhere.
        algorithms: signatures accepted from this provider.
        secret_in_form: the client's secret goes into the form and not into the header.
        tells_issuer: answers carry `iss` (RFC 9207), so one without it is refused.
    """

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str | None
    algorithms: tuple[str, ...]
    secret_in_form: bool
    tells_issuer: bool


def document_url(issuer: str) -> str:
    """Where an issuer's document is."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def parse(issuer: str, document: Mapping[str, Any]) -> Published:
    """Read a discovery document.

    Args:
        issuer: as configured; the document must say the same, to the letter.
        document: as it came.

    Raises:
        ProviderFaultError: another issuer, an address missing or not safe, or nothing in common with us.
    """
    where = document_url(issuer)
    if document.get("issuer") != issuer:
        raise ProviderFaultError(
            "the discovery document is another issuer's", expected=issuer, received=document.get("issuer"), where=where
        )
    authorization, token, keys = (
        _address(document, name, issuer) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    )
    userinfo = _address(document, "userinfo_endpoint", issuer) if document.get("userinfo_endpoint") else None
    signed = _list(document, "id_token_signing_alg_values_supported") or ["RS256"]
    algorithms = tuple(name for name in ALGORITHMS if name in signed)
    challenges = _list(document, "code_challenge_methods_supported")
    if not algorithms:
        raise ProviderFaultError(
            "the provider signs its tokens in no way that is accepted",
            expected=" or ".join(ALGORITHMS),
            received=signed,
            where=where,
        )
    if challenges and "S256" not in challenges:
        raise ProviderFaultError("the provider knows no PKCE with S256", received=challenges, where=where)
    methods = _list(document, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Published(
        issuer,
        authorization,
        token,
        keys,
        userinfo,
        algorithms,
        secret_in_form="client_secret_basic" not in methods and "client_secret_post" in methods,
        tells_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(document: Mapping[str, Any], name: str, issuer: str) -> str:
    address = document.get(name)
    if not isinstance(address, str):
        raise ProviderFaultError(f"the discovery document names no {name}", where=document_url(issuer))
    check_address(address)
    # A provider elsewhere has no business with what listens on this machine only.
    if is_here(address) and not is_here(issuer):
        raise ProviderFaultError("the discovery document leads to this machine", received=address, where=name)
    return address


def _list(document: Mapping[str, Any], name: str) -> list[str]:
    found = document.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []
