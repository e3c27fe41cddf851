from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from core.errors import DeniedError
from core.identity.tokens import Claims, TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings

_MINUTE = timedelta(minutes=1)


@pytest.fixture
def run(reachable: Path) -> RunFolder:
    return RunFolder.open(reachable / "run", Settings())


def _claims() -> Claims:
    return Claims(person_id=uuid4(), tenant_id=uuid4(), slug="acme-co", role_version=3)


def test_a_token_says_what_was_signed(run: RunFolder):
    claims = _claims()

    assert TokenKeys(run).verify(TokenKeys(run).sign(claims, _MINUTE)) == claims


def test_an_expired_token_is_refused(run: RunFolder):
    keys = TokenKeys(run)

    with pytest.raises(DeniedError):
        keys.verify(keys.sign(_claims(), timedelta(seconds=-1)))


def test_after_a_rotation_older_tokens_hold_once_more_and_other_processes_follow(run: RunFolder):
    ours, theirs = TokenKeys(run), TokenKeys(run)
    first = ours.sign(_claims(), _MINUTE)

    ours.rotate()
    second = ours.sign(_claims(), _MINUTE)
    assert ours.verify(first)
    assert theirs.verify(second)
    ours.rotate()

    assert ours.verify(second)
    with pytest.raises(DeniedError):
        ours.verify(first)


def _edited(token: str, part: int, **changes: object) -> str:
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    content.update(changes)
    parts[part] = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    return ".".join(parts)


@pytest.mark.parametrize("change", [{"tid": str(uuid4())}, {"ten": "other-co"}, {"sub": str(uuid4())}, {"exp": 9e9}])
def test_edited_claims_are_refused(run: RunFolder, change: dict[str, object]):
    keys = TokenKeys(run)

    with pytest.raises(DeniedError):
        keys.verify(_edited(keys.sign(_claims(), _MINUTE), 1, **change))


def test_a_token_cannot_choose_its_own_algorithm_or_key(run: RunFolder):
    keys = TokenKeys(run)
    token = keys.sign(_claims(), _MINUTE)
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


@pytest.mark.parametrize("claim", ["sub", "tid", "ten", "rv", "exp", "aud", "iss"])
def test_a_token_that_lacks_a_claim_is_refused(run: RunFolder, claim: str):
    keys = TokenKeys(run)
    token = keys.sign(_claims(), _MINUTE)
    payload = jwt.decode(token, options={"verify_signature": False})
    del payload[claim]
    signed = jwt.encode(payload, keys._signing, algorithm="EdDSA", headers=jwt.get_unverified_header(token))  # pyright: ignore[reportPrivateUsage]  signed rightly, content wrong

    with pytest.raises(DeniedError):
        keys.verify(signed)
