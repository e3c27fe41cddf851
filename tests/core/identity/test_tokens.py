from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from core.errors import DeniedError
from core.identity.signing import KeyRing
from core.identity.tokens import Claims, TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings

_MINUTE = timedelta(minutes=1)


@pytest.fixture
def run(reachable: Path) -> RunFolder:
    return RunFolder.open(reachable / "run", Settings())


def _claims() -> Claims:
    return Claims(person_id=uuid4(), tenant_id=uuid4(), slug="acme-co", role_version=3, session_id=uuid4())


def _until_refused(keys: TokenKeys, token: str, before_each: Callable[[], None] = lambda: None) -> None:
    """Show a token again and again until it is refused; fails when it still holds after a minute."""
    end = time.monotonic() + 60
    with pytest.raises(DeniedError):
        while time.monotonic() < end:
            before_each()
            keys.verify(token)
            time.sleep(0.05)


def test_a_token_says_what_was_signed(run: RunFolder):
    claims = _claims()

    assert TokenKeys(run, _MINUTE).verify(TokenKeys(run, _MINUTE).sign(claims)) == claims


def test_an_expired_token_is_refused(run: RunFolder):
    keys = TokenKeys(run, _MINUTE)

    with pytest.raises(DeniedError):
        keys.verify(keys.sign(_claims(), timedelta(seconds=-1)))


def test_a_token_that_was_verified_before_expires_all_the_same(run: RunFolder):
    keys = TokenKeys(run, _MINUTE)
    # Tokens end with a full second: one that was signed late in a second lives that much shorter.
    token = keys.sign(_claims(), timedelta(seconds=3))
    assert keys.verify(token) == keys.verify(token)

    _until_refused(keys, token)


def test_after_rotations_older_tokens_hold_until_they_expire_and_other_processes_follow(run: RunFolder):
    ours, theirs = TokenKeys(run, _MINUTE), TokenKeys(run, _MINUTE)
    first = ours.sign(_claims())
    ours.rotate()
    second = theirs.sign(_claims())
    ours.rotate()
    third = theirs.sign(_claims())

    assert len({jwt.get_unverified_header(token)["kid"] for token in (first, second, third)}) == 3
    for keys in (ours, theirs, TokenKeys(run, _MINUTE)):
        for token in (first, second, third):
            assert keys.verify(token)


def test_a_retired_key_is_gone_when_its_last_token_has_expired(run: RunFolder):
    keys = TokenKeys(run, timedelta(seconds=2))
    token = keys.sign(_claims(), _MINUTE)
    keys.rotate()
    assert keys.verify(token)
    assert len(keys.published()["keys"]) == 2

    _until_refused(keys, token, keys.forget)

    assert len(keys.published()["keys"]) == 1
    keys.rotate()
    assert len(list((run.secrets / "retired_token_keys").iterdir())) == 1


def test_dropping_older_keys_ends_their_tokens_at_once_elsewhere_within_a_second(run: RunFolder):
    ours, theirs = TokenKeys(run, _MINUTE), TokenKeys(run, _MINUTE)
    old = ours.sign(_claims())
    ours.rotate()
    middle = ours.sign(_claims())
    assert theirs.verify(old) and theirs.verify(middle)

    ours.rotate(drop_older=True)

    for keys in (ours, theirs, TokenKeys(run, _MINUTE)):
        for token in (old, middle):
            _until_refused(keys, token)
    assert theirs.verify(ours.sign(_claims()))


def test_whoever_has_the_published_keys_can_verify_and_not_sign(run: RunFolder):
    keys = TokenKeys(run, _MINUTE)
    keys.rotate()
    claims = _claims()
    token = keys.sign(claims)
    published = keys.published()

    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in published["keys"])
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    said = jwt.decode(token, key, algorithms=["EdDSA"], audience="goldlayer")
    assert said["sub"] == str(claims.person_id)


def _edited(token: str, part: int, **changes: object) -> str:
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    content.update(changes)
    parts[part] = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    return ".".join(parts)


@pytest.mark.parametrize("change", [{"tid": str(uuid4())}, {"ten": "other-co"}, {"sub": str(uuid4())}, {"exp": 9e9}])
def test_edited_claims_are_refused(run: RunFolder, change: dict[str, object]):
    keys = TokenKeys(run, _MINUTE)

    with pytest.raises(DeniedError):
        keys.verify(_edited(keys.sign(_claims()), 1, **change))


def test_a_token_cannot_choose_its_own_algorithm_or_key(run: RunFolder):
    keys = TokenKeys(run, _MINUTE)
    token = keys.sign(_claims())
    header = jwt.get_unverified_header(token)
    payload = jwt.decode(token, options={"verify_signature": False})
    symmetric = jwt.encode(payload, "x" * 32, algorithm="HS256", headers={"kid": header["kid"]})

    for forged in (
        symmetric,
        jwt.encode(payload, None, algorithm="none", headers={"kid": header["kid"]}),
        _edited(token, 0, alg="none").rsplit(".", 1)[0] + ".",
        _edited(token, 0, kid="unknown"),
        token[:-4],
        "",
        "a.b.c",
    ):
        with pytest.raises(DeniedError):
            keys.verify(forged)


@pytest.mark.parametrize("claim", ["sub", "tid", "ten", "sid", "rv", "exp", "aud", "iss"])
def test_a_token_that_lacks_a_claim_is_refused(run: RunFolder, claim: str):
    keys = TokenKeys(run, _MINUTE)
    token = keys.sign(_claims())
    payload = jwt.decode(token, options={"verify_signature": False})
    del payload[claim]
    signed = jwt.encode(payload, KeyRing(run).signing()[1], algorithm="EdDSA", headers=jwt.get_unverified_header(token))

    with pytest.raises(DeniedError):
        keys.verify(signed)
