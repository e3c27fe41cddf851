"""Whom a tenant wants to hear of."""

from __future__ import annotations

import pytest

from core.identity.federation.claimed import Claimed, checked
from core.identity.federation.errors import RefusedError


def test_somebody_of_a_domain_is_accepted_and_gets_a_name():
    ann = Claimed("s-1", " Ann@North.Example ", "", True)

    assert checked(ann, ["north.example"]) == Claimed("s-1", "Ann@North.Example", "Ann@North.Example", True)
    assert checked(ann, []).email == "Ann@North.Example"


@pytest.mark.parametrize(
    "email",
    [
        "ann@south.example",
        "ann@sub.north.example",
        "ann@north.example.evil.example",
        "ann@evil.example@north.example",
        "@north.example",
        "north.example",
        "",
        "ann smith@north.example",
        "a" * 300 + "@north.example",
    ],
)
def test_others_are_not(email: str):
    with pytest.raises(RefusedError):
        checked(Claimed("s-1", email, "Ann", True), ["north.example"])


@pytest.mark.parametrize("subject", ["", "s" * 256])
def test_a_subject_must_tell_people_apart(subject: str):
    with pytest.raises(RefusedError, match="subject"):
        checked(Claimed(subject, "ann@north.example", "Ann", True), [])
