"""Signed tokens: Ed25519 (RFC 8037), so that whoever verifies need not be able to sign.

Claims: `sub` person, `tid` and `ten` the tenant's id and slug, `rv` role version, `iss`, `aud`, `iat`, `exp`, `jti`.
Permissions are not among them: they are resolved on the server, so that taking one away works at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.errors import DeniedError
from core.run.folder import RunFolder

_ISSUER = "goldlayer"
_AUDIENCE = "goldlayer"
_REQUIRED = ["sub", "tid", "ten", "rv", "iss", "aud", "iat", "exp", "jti"]
_CURRENT, _PREVIOUS = "token_key", "token_key_previous"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    person_id: UUID
    tenant_id: UUID
    slug: str
    role_version: int


class TokenKeys:
    """Signing keys of an installation, in its run folder: the current one, and after a rotation the one before."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._load()

    def _load(self) -> None:
        current = _key(self._run.secret(_CURRENT))
        self._current_id = _key_id(current)
        self._signing = current
        self._known = {self._current_id: current.public_key()}
        previous = self._run.secrets / _PREVIOUS
        if previous.exists():
            old = _key(previous.read_text(encoding="utf-8"))
            self._known[_key_id(old)] = old.public_key()

    def rotate(self) -> None:
        """Sign with a new key from now on; tokens of the old one stay valid until they expire."""
        self._run.write_secret(_PREVIOUS, self._run.secret(_CURRENT))
        self._run.write_secret(_CURRENT, secrets.token_urlsafe(32))
        self._load()

    def sign(self, claims: Claims, lifetime: timedelta) -> str:
        """A token for these claims."""
        now = datetime.now(UTC)
        payload = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(claims.person_id),
            "tid": str(claims.tenant_id),
            "ten": claims.slug,
            "rv": claims.role_version,
            "iat": now,
            "exp": now + lifetime,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(payload, self._signing, algorithm="EdDSA", headers={"kid": self._current_id})

    def verify(self, token: str) -> Claims:
        """What a token says, if one of our keys signed it and it has not expired.

        Raises:
            DeniedError: anything else, without saying which.
        """
        try:
            key_id = str(jwt.get_unverified_header(token)["kid"])
            if key_id not in self._known:
                self._load()  # Another process may have rotated.
            payload = jwt.decode(
                token,
                self._known[key_id],
                algorithms=["EdDSA"],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
            return Claims(UUID(payload["sub"]), UUID(payload["tid"]), str(payload["ten"]), int(payload["rv"]))
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise DeniedError("the token is not valid", next_step="sign in again") from error


def _key(secret: str) -> Ed25519PrivateKey:
    # The secret's 256 bits are spread over the seed's 32 bytes; the name keeps other uses of a secret apart.
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"goldlayer token key\0" + secret.encode()).digest())


def _key_id(key: Ed25519PrivateKey) -> str:
    """Thumbprint of the public key (RFC 7638 over the members of RFC 8037)."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
