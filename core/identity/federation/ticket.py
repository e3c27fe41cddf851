"""What one browser carries from the start of a sign-in to its end, sealed in a cookie.

The cookie binds the answer to the browser that asked: without it, somebody could be signed in as somebody else by a
link. It holds nothing the provider must not see, and the sealing keeps it unread and unchanged anyway.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from uuid import UUID

from core.errors import InputError
from core.identity.federation.errors import RefusedError
from core.run.folder import RunFolder
from core.vault.sealing import seal, unseal

LIFETIME_S = 600
"""How long somebody may take at the provider."""
_LONGEST_TARGET = 512


@dataclass(frozen=True, slots=True)
class Ticket:
    """One sign-in under way.

    Attributes:
        id: OIDC `state`, SAML request id: comes back with the answer and is good once.
        nonce: must stand in the ID token.
        verifier: PKCE code verifier (RFC 7636).
        target: local path to go to afterwards.
        expires_at: Unix time, seconds.
    """

    id: str
    nonce: str
    verifier: str
    target: str
    expires_at: int

    @classmethod
    def new(cls, target: str) -> Ticket:
        """A ticket for somebody who wants to go to `target`.

        Raises:
            InputError: not a path of this service.
        """
        # An underscore first: a SAML request id is an XML name, which no digit may open.
        return cls(
            f"_{secrets.token_urlsafe(32)}",
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            local_path(target),
            int(time.time()) + LIFETIME_S,
        )


class TicketSeal:
    """Seals tickets with a key of the installation."""

    def __init__(self, run: RunFolder) -> None:
        # The name keeps other uses of a secret apart.
        self._key = hashlib.sha256(b"goldlayer sign-in ticket\0" + run.secret("ticket_key").encode()).digest()

    def seal(self, provider_id: UUID, ticket: Ticket) -> str:
        """The cookie's value; good at this provider only."""
        return seal(self._key, str(provider_id), json.dumps(asdict(ticket)))

    def open(self, provider_id: UUID, cookie: str | None) -> Ticket:
        """The ticket in a cookie.

        Raises:
            RefusedError: no cookie, one of another provider or installation, or one that has expired.
        """
        opened = unseal(self._key, str(provider_id), cookie) if cookie else None
        if opened is None:
            raise RefusedError("the browser holds no ticket of this provider")
        ticket = Ticket(**json.loads(opened))
        if ticket.expires_at <= time.time():
            raise RefusedError("the ticket has expired")
        return ticket


def local_path(target: str) -> str:
    """A path of this service, as it came.

    Raises:
        InputError: a browser could take it for another place.
    """
    # Browsers read a backslash as a slash and skip control characters: `/\t/elsewhere` and `/\\elsewhere` lead away.
    plain = all(" " < sign < "\x7f" for sign in target) and "\\" not in target
    if not plain or not target.startswith("/") or target.startswith("//") or len(target) > _LONGEST_TARGET:
        raise InputError("not a place to go after sign-in", expected="a path that begins with one /")
    return target
