"""Words of a provider, and the roles they give."""

from __future__ import annotations

from typing import Any

import pytest

from core.identity import ClaimedRoles
from core.identity.federation.roles import claimed_roles, words_of

MAPPING = (("plant-a", "operator"), ("plant-a", "viewer"), ("Reliability", "engineer"))


@pytest.mark.parametrize(
    ("claims", "name", "words"),
    [
        ({"groups": ["a", "b"]}, "groups", ("a", "b")),
        ({"groups": "a"}, "groups", ("a",)),
        ({"groups": ["a", 7, None, ["b"], {"c": 1}]}, "groups", ("a",)),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://x.example/groups": ["a"]}, "https://x.example/groups", ("a",)),
        ({"realm_access": ["roles"]}, "realm_access.roles", ()),
        ({"groups": {"a": True}}, "groups", ()),
        ({}, "groups", ()),
        ({"groups": ["a"]}, None, ()),
    ],
)
def test_words_are_texts_wherever_they_lie(claims: dict[str, Any], name: str | None, words: tuple[str, ...]):
    assert words_of(claims, name) == words


def test_words_give_roles_to_the_letter():
    every = frozenset({"operator", "viewer", "engineer"})
    assert claimed_roles(["plant-a"], MAPPING, "groups", None) == ClaimedRoles(frozenset({"operator", "viewer"}), every)
    for words in ((), ("PLANT-A",), ("plant-a ",), ("plant",), ("operator",)):
        assert claimed_roles(words, MAPPING, "groups", None) == ClaimedRoles(frozenset(), every)


def test_whom_no_word_gives_a_role_has_the_provider_s_own():
    nobody = claimed_roles(["other"], MAPPING, "groups", "guest")
    somebody = claimed_roles(["Reliability"], MAPPING, "groups", "guest")
    assert nobody is not None and nobody.given == {"guest"} and "guest" in nobody.governed
    assert somebody is not None and somebody.given == {"engineer"}
    assert claimed_roles(["plant-a"], (), None, "guest") is None
