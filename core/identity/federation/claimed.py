"""What a provider says of somebody, whichever protocol it speaks, and whether its tenant wants to hear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.identity.federation.errors import RefusedError

_LONGEST_SUBJECT, _LONGEST_EMAIL, _LONGEST_NAME = 255, 254, 200


@dataclass(frozen=True, slots=True)
class Claimed:
    """Somebody, after every signature was checked.

    Attributes:
        subject: what the provider calls the person, for good.
        email: address, may be empty.
        name: as people read it, may be empty.
        verified: the provider says that the address is theirs.
        words: what the claim for roles says.
    """

    subject: str
    email: str
    name: str
    verified: bool
    words: tuple[str, ...] = ()


def checked(claimed: Claimed, domains: Sequence[str]) -> Claimed:
    """Go on only with somebody who can be told from others and whose address the tenant accepts.

    Args:
        claimed: what the provider said.
        domains: domains of addresses that are accepted, in lower case; empty accepts all.

    Raises:
        RefusedError: no usable subject or address, or one outside of the domains.
    """
    if not 0 < len(claimed.subject) <= _LONGEST_SUBJECT:
        raise RefusedError("the provider names no usable subject")
    local, at, domain = claimed.email.strip().rpartition("@")
    if not at or not local or "@" in local or not domain or any(sign.isspace() for sign in local + domain):
        raise RefusedError("the provider names no e-mail address")
    if len(local) + len(domain) >= _LONGEST_EMAIL:
        raise RefusedError("the provider names no e-mail address")
    if domains and domain.lower() not in domains:
        raise RefusedError("the address is outside of the provider's domains")
    email = f"{local}@{domain}"
    return replace(claimed, email=email, name=claimed.name.strip()[:_LONGEST_NAME] or email)
