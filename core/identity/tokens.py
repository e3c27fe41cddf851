"""Signed tokens: Ed25519 (RFC 8037), so that whoever verifies need not be able to sign.

Claims: `sub` person, `tid` and `ten` the tenant's id and slug, `sid` session, `rv` role version, `iss`, `aud`, `iat`,
`exp`, `jti`. Permissions are not among them: they are resolved on the server, so that taking one away works at once.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import jwt

from core.errors import DeniedError
from core.identity.signing import KeyRing, key_id_of
from core.run.folder import RunFolder

ISSUER = AUDIENCE = "goldlayer"
REQUIRED = ["sub", "tid", "ten", "sid", "rv", "iss", "aud", "iat", "exp", "jti"]
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    person_id: UUID
    tenant_id: UUID
    slug: str
    role_version: int
    session_id: UUID


class TokenKeys:
    """Signs and verifies access tokens; remembers those it has verified until they expire."""

    def __init__(self, run: RunFolder, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._ring = KeyRing(run)
        self._verified: dict[str, tuple[float, Claims]] = {}
        self._generation = 0

    def rotate(self, *, drop_older: bool = False) -> None:
        """Sign with a new key from now on.

        Args:
            drop_older: tokens of every key before stop working; else each key is kept until its last token expires.
        """
        self._ring.rotate(timedelta(0) if drop_older else self.lifetime)

    def published(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, as a JSON Web Key Set (RFC 7517)."""
        return {"keys": self._ring.published()}

    def sign(self, claims: Claims, lifetime: timedelta | None = None) -> str:
        """A token for these claims.

        Args:
            claims: what it says.
            lifetime: another than the one of the settings.
        """
        now = int(time.time())
        key_id, key = self._ring.signing()
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.person_id),
            "tid": str(claims.tenant_id),
            "ten": claims.slug,
            "sid": str(claims.session_id),
            "rv": claims.role_version,
            "iat": now,
            "exp": now + int((self.lifetime if lifetime is None else lifetime).total_seconds()),
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode(payload, key, algorithm="EdDSA", headers={"kid": key_id})

    def verify(self, token: str) -> Claims:
        """What a token says, if one of our keys signed it and it has not expired.

        Raises:
            DeniedError: anything else, without saying which.
        """
        if self._generation != (generation := self._ring.generation()):
            self.forget()  # A key came or went, here or in another process.
            self._generation = generation
        known = self._verified.get(token)
        if known is not None and known[0] > time.time():
            return known[1]
        expires_at, claims = self._read(token)
        if len(self._verified) >= _MOST:
            self._verified.clear()
        self._verified[token] = (expires_at, claims)
        return claims

    def forget(self) -> None:
        """Drop what was verified before."""
        self._verified.clear()

    def _read(self, token: str) -> tuple[float, Claims]:
        try:
            said = jwt.decode(
                token,
                self._ring.public(key_id_of(token)),
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": REQUIRED},
            )
            claims = Claims(UUID(said["sub"]), UUID(said["tid"]), str(said["ten"]), int(said["rv"]), UUID(said["sid"]))
            return float(said["exp"]), claims
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise DeniedError("the token is not valid", next_step="sign in again") from error
