"""The ID token (OpenID Connect Core 1.0, 3.1.3.7). Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from core.errors import NotFoundError
from core.identity.federation.errors import ProviderFaultError, RefusedError

SKEW_S = 30
"""Clocks of two machines may differ by this much."""
_REQUIRED = ["iss", "sub", "aud", "exp", "iat"]


class UnknownKeyError(NotFoundError):
    """No key of the set signed this token: the provider may have changed its keys since."""


def read(
    token: str,
    keys: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    algorithms: Sequence[str],
) -> dict[str, Any]:
    """The claims of an ID token that was made for us, by this issuer, for this sign-in.

    Args:
        token: as the token endpoint gave it.
        keys: the provider's key set (RFC 7517).
        issuer: who must have made it.
        client_id: whom it must be made for.
        nonce: what this sign-in asked to find in it.
        algorithms: signatures that are accepted.

    Raises:
        UnknownKeyError: its key is not in the set.
        RefusedError: anything else.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in algorithms:
            raise RefusedError("the ID token is signed in a way that is not accepted")
        claims = jwt.decode(
            token,
            _key(keys, header),
            algorithms=list(algorithms),
            audience=client_id,
            issuer=issuer,
            leeway=SKEW_S,
            options={"require": _REQUIRED},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise RefusedError("the ID token is not of this moment: it was kept, or the clocks disagree") from error
    except jwt.InvalidTokenError as error:
        raise RefusedError(f"the ID token is not valid: {type(error).__name__}") from error
    audience = claims["aud"]
    # A token for several clients must say which of them asked for it.
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise RefusedError("the ID token was made for another client")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise RefusedError("the ID token was made for another sign-in")
    return claims


def _key(keys: Mapping[str, Any], header: Mapping[str, Any]) -> Any:
    usable = [
        key
        for key in signing_keys(keys)
        if ("kid" not in header or key.get("kid") == header["kid"]) and key.get("alg", header["alg"]) == header["alg"]
    ]
    # Without an id the key must be the only one there is.
    if len(usable) != 1:
        raise UnknownKeyError("no key of the provider fits the ID token")
    try:
        return jwt.PyJWK(usable[0], header["alg"]).key
    except jwt.PyJWTError as error:
        raise RefusedError("the ID token's key is not of its algorithm's kind") from error


def signing_keys(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The keys of a set that sign.

    Raises:
        ProviderFaultError: it is no key set.
    """
    found = keys.get("keys")
    if not isinstance(found, list):
        raise ProviderFaultError("the identity provider publishes no keys")
    return [key for key in found if isinstance(key, dict) and key.get("use", "sig") == "sig"]
