"""Signed links: to set a password, to accept an invitation, to choose a tenant after the password.

Only the service verifies them, so they are signed by a key that never leaves it (HMAC). What makes each good for one
use stands in the database: the version of the password, or the state of the invitation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from core.errors import DeniedError
from core.run.folder import RunFolder

RESET, INVITATION, ENTRY = "reset", "invitation", "entry"
_KEY = "link_key"


@dataclass(frozen=True, slots=True)
class Link:
    """What is handed to the person concerned, by whoever asked for it."""

    use: str
    token: str = field(repr=False)
    expires_at: datetime

    def address(self, public_url: str) -> str:
        """What the person opens. The token stands where browsers send it to nobody, so that no server's log has it.

        Args:
            public_url: where browsers reach the service.
        """
        return f"{public_url.rstrip('/')}/#{self.use}={self.token}"


class Links:
    """Signs and reads them."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    def sign(self, use: str, lifetime: timedelta, **claims: UUID | str | int | bool) -> Link:
        """A link for one use.

        Args:
            use: what it is good for, and nothing else.
            lifetime: after this it is worth nothing.
            claims: what it says.
        """
        expires = int(time.time() + lifetime.total_seconds())
        said = {name: str(value) if isinstance(value, UUID) else value for name, value in claims.items()}
        token = jwt.encode({**said, "aud": f"goldlayer-{use}", "exp": expires}, self._secret(), algorithm="HS256")
        return Link(use, token, datetime.fromtimestamp(expires, UTC))

    def read(self, use: str, token: str) -> dict[str, Any]:
        """What a link says.

        Raises:
            DeniedError: it is none of ours, for another use, or too old.
        """
        try:
            return jwt.decode(
                token,
                self._secret(),
                algorithms=["HS256"],
                audience=f"goldlayer-{use}",
                options={"require": ["aud", "exp"]},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise spent() from error

    def _secret(self) -> bytes:
        return self._run.secret(_KEY).encode()


def spent() -> DeniedError:
    """The one answer to every link that does not work."""
    return DeniedError("the link is not valid any more", next_step="ask for a new one")
