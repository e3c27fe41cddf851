"""Roles by what a provider says of somebody: groups, departments, whatever the tenant mapped. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.identity.external import ClaimedRoles

_MOST_WORDS = 1_000


def words_of(claims: Mapping[str, Any], name: str | None) -> tuple[str, ...]:
    """The words of a claim: a text, or a list of texts.

    Args:
        claims: of an ID token.
        name: as the claim is called; `realm_access.roles` also finds what lies one level down.
    """
    if name is None:
        return ()
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return tuple(one for one in listed[:_MOST_WORDS] if isinstance(one, str))


def claimed_roles(
    words: Sequence[str], mapping: Sequence[tuple[str, str]], claim: str | None, fallback: str | None
) -> ClaimedRoles | None:
    """What the words give by a provider's mapping; None if it leaves roles to the tenant's administrators.

    Args:
        words: what the provider said; compared to the letter, for two groups may differ by case alone.
        mapping: pairs of a word and the role it gives.
        claim: where the words were.
        fallback: role of everybody whom the words give none.
    """
    if claim is None:
        return None
    given = frozenset(role for word, role in mapping if word in words)
    rest = frozenset({fallback} if fallback else ())
    return ClaimedRoles(given or rest, rest.union(role for _, role in mapping))
