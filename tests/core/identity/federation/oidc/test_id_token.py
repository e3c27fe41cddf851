"""ID tokens: the good one, and everything that must not pass for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from core.identity.federation.errors import ProviderFaultError, RefusedError
from core.identity.federation.oidc.discovery import ALGORITHMS
from core.identity.federation.oidc.id_token import SKEW_S, UnknownKeyError, read

ISSUER, CLIENT, NONCE = "https://id.example", "goldlayer", "the nonce"
RSA, OTHER_RSA = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, kid: str, **more: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


KEYS = {
    "keys": [
        jwk(OTHER_RSA, "rsa", use="enc", alg="RSA-OAEP"),
        jwk(RSA, "rsa", use="sig", alg="RS256"),
        jwk(EC, "ec", use="sig"),
    ]
}


def token(key: Any = RSA, alg: str = "RS256", kid: str | None = "rsa", **claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": CLIENT, "sub": "s-1", "nonce": NONCE, "iat": now, "exp": now + 60, **claims}
    left = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(left, key, algorithm=alg, headers={"kid": kid} if kid else None)


def accepted(text: str, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return read(text, keys, issuer=ISSUER, client_id=CLIENT, nonce=NONCE, algorithms=ALGORITHMS)


def test_a_token_made_for_this_sign_in_is_read():
    assert accepted(token())["sub"] == "s-1"
    assert accepted(token(EC, "ES256", "ec"))["sub"] == "s-1"
    assert accepted(token(aud=[CLIENT]))["sub"] == "s-1"
    assert accepted(token(aud=[CLIENT, "another"], azp=CLIENT))["sub"] == "s-1"
    assert accepted(token(exp=int(time.time()) - SKEW_S // 2))["sub"] == "s-1"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"sub": None},
        {"sub": 7},
        {"exp": None},
        {"iat": None},
        {"exp": 1_000_000_000},
        {"nbf": 9_000_000_000},
        {"iat": 9_000_000_000},
    ],
    ids=str,
)
def test_a_token_made_for_anything_else_is_not(claims: dict[str, Any]):
    with pytest.raises(RefusedError):
        accepted(token(**claims))


def part(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_nobody_who_can_only_verify_can_sign():
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = token().split(".")[1]
    unsigned = f"{part({'alg': 'none', 'kid': 'rsa'})}.{claims}."
    signing = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{claims}"
    mac = base64.urlsafe_b64encode(hmac.new(public, signing.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    for forged in (unsigned, f"{signing}.{mac}", token(OTHER_RSA), "not.a.token", ""):
        with pytest.raises(RefusedError):
            accepted(forged)


def test_a_key_signs_by_its_own_algorithm_only():
    with pytest.raises(UnknownKeyError):  # The key says RS256.
        accepted(token(RSA, "PS256"))
    with pytest.raises(RefusedError):
        accepted(token(EC, "ES256", "ec").replace(".", "A.", 1))
    mixed = {"keys": [jwk(RSA, "ec")]}
    with pytest.raises(RefusedError):
        accepted(token(EC, "ES256", "ec"), mixed)


def test_a_changed_claim_breaks_the_signature():
    head, _, signature = token().split(".")
    other = token(sub="s-2").split(".")[1]

    with pytest.raises(RefusedError):
        accepted(f"{head}.{other}.{signature}")


def test_an_unknown_key_says_so_that_the_keys_can_be_asked_for_again():
    with pytest.raises(UnknownKeyError):
        accepted(token(kid="new"))
    with pytest.raises(UnknownKeyError):  # Two may have signed it: which is not a matter of luck.
        accepted(token(kid=None), {"keys": [jwk(RSA, "a"), jwk(OTHER_RSA, "b")]})
    assert accepted(token(kid=None), {"keys": [jwk(RSA, "a")]})["sub"] == "s-1"
    with pytest.raises(ProviderFaultError):
        accepted(token(), {"keys": None})


@pytest.mark.parametrize("claims", [{"exp": 1_000_000_000}, {"nbf": 9_000_000_000}, {"iat": 9_000_000_000}], ids=str)
def test_a_token_of_another_time_says_so(claims: dict[str, Any]):
    with pytest.raises(RefusedError, match="clocks disagree"):
        accepted(token(**claims))
