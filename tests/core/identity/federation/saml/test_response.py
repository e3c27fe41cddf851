"""Responses: the good one, and everything that must not pass for it although the provider signed it."""

from __future__ import annotations

from typing import Any

import pytest

from core.identity.federation.errors import RefusedError
from core.identity.federation.saml.response import LONGEST, SKEW
from tests.core.identity.federation.saml.conftest import DOOR, Said, Signer, moment, seen

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_FORMATS = "urn:oasis:names:tc:SAML:1.1:nameid-format"
INSIDE = SKEW.total_seconds() / 2
OUTSIDE = SKEW.total_seconds() + 5


def accepted(signer: Signer, **said: Any) -> Any:
    parts = Said(**said)
    return seen(parts.around(signer.sign(parts.assertion())), certificates=(signer.plain,))


def test_a_response_made_for_this_request_is_read(signer: Signer, stranger: Signer):
    found = accepted(signer)
    assert (found.id, found.subject, found.email, found.name) == ("_assertion-1", "s-1", "ann@north.example", "Ann")

    said = Said()
    whole = signer.sign(said.around(said.assertion()))
    both = signer.sign(said.around(signer.sign(said.assertion())))
    for document in (whole, both):
        assert seen(document, certificates=(signer.plain,)).subject == "s-1"
    # While a provider changes its key, metadata have both.
    assert seen(whole, certificates=(stranger.plain, signer.plain)).subject == "s-1"


def test_clocks_may_differ_a_little(signer: Signer):
    assert accepted(signer, conditions={"NotBefore": moment(INSIDE)}).subject == "s-1"
    assert accepted(signer, confirmation={"NotOnOrAfter": moment(60)}).until.tzinfo is not None


@pytest.mark.parametrize(
    "said",
    [
        {"audiences": ("https://another.example",)},
        {"audiences": ()},
        {"audiences": (DOOR.entity_id, "https://another.example")},
        {"audiences": (f"{DOOR.entity_id}/more",)},
        {"issuer": "https://evil.example"},
        {"issuer": ""},
        {"confirmation": {"Recipient": "https://another.example/acs"}},
        {"confirmation": {"Recipient": f"{DOOR.acs}/more"}},
        {"confirmation": {"Recipient": None}},
        {"confirmation": {"InResponseTo": "_another"}},
        {"confirmation": {"InResponseTo": None}},
        {"confirmation": {"NotOnOrAfter": None}},
        {"confirmation": {"NotOnOrAfter": -OUTSIDE}},
        {"confirmation": {"NotBefore": 600}},
        {"conditions": {"NotOnOrAfter": -OUTSIDE}},
        {"conditions": {"NotBefore": 600}},
        {"response": {"InResponseTo": "_another"}},
        {"response": {"InResponseTo": None}},
        {"response": {"Destination": "https://another.example/acs"}},
        {"response": {"Destination": f"{DOOR.acs}/more"}},
        {"response": {"Destination": ""}},
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"},
        {"status": "urn:oasis:names:tc:SAML:2.0:status:Requester"},
        {"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        {"name_id": ""},
    ],
    ids=str,
)
def test_a_response_made_for_anything_else_is_not(signer: Signer, said: dict[str, Any]):
    with pytest.raises(RefusedError):
        accepted(signer, **_timed(said))


def _timed(said: dict[str, Any]) -> dict[str, Any]:
    """Seconds from now as moments: what is collected early may run late."""
    return {
        part: {name: moment(value) if isinstance(value, int) else value for name, value in inside.items()}
        if isinstance(inside, dict)
        else inside
        for part, inside in said.items()
    }


@pytest.mark.parametrize(
    ("attributes", "email"),
    [
        ((("mail", "ann@north.example"),), "ann@north.example"),
        (((f"{_CLAIMS}/emailaddress", "ann@north.example"),), "ann@north.example"),
        ((("urn:oid:0.9.2342.19200300.100.1.3", "ann@north.example"),), "ann@north.example"),
        ((("mail", "  "), ("email", "ann@north.example")), "ann@north.example"),
        ((), ""),
    ],
    ids=str,
)
def test_an_address_is_found_under_the_names_that_providers_use(
    signer: Signer, attributes: tuple[tuple[str, str], ...], email: str
):
    assert accepted(signer, attributes=attributes).email == email


def test_a_name_id_may_be_the_address(signer: Signer):
    found = accepted(signer, attributes=(), name_id="ann@north.example", name_format=f"{_FORMATS}:emailAddress")
    assert (found.subject, found.email, found.name) == ("ann@north.example", "ann@north.example", "")
    assert accepted(signer, attributes=(), name_id="ann@north.example").email == ""


def test_a_comment_hides_nothing_of_a_name(signer: Signer):
    # Canonical form has no comments, so one can be added to what was signed: it must not cut the text behind it off.
    said = Said(name_id="admin@north.example.evil.example", attributes=(("email", "ann@north.example.evil.example"),))
    document = said.around(signer.sign(said.assertion()))
    for name in (said.name_id, "ann@north.example.evil.example"):
        short = name.removesuffix(".evil.example")
        document = document.replace(f">{name}<", f">{short}<!-- -->.evil.example<")
    assert document.count("<!-- -->") == 2

    found = seen(document, certificates=(signer.plain,))

    assert (found.subject, found.email) == ("admin@north.example.evil.example", "ann@north.example.evil.example")


@pytest.mark.parametrize(
    "document", ["", "no XML", "<a/>", "<a><b></a>", "\x00", "a" * LONGEST], ids=lambda one: one[:9]
)
def test_what_is_no_response_is_refused(signer: Signer, document: str):
    with pytest.raises(RefusedError):
        seen(document, certificates=(signer.plain,))


def test_what_can_be_a_bomb_or_a_spy_is_not_even_read(signer: Signer, tmp_path: Any):
    kept = tmp_path / "secret.txt"
    kept.write_text("known to nobody")
    whole = Said().around(signer.sign(Said().assertion()))
    for inner in (
        '<!ENTITY a "a">',
        "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "a"}">' for n in range(9)),
        f'<!ENTITY a SYSTEM "file://{kept}">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1:1/">%a;',
        "<!ATTLIST saml:Assertion ID ID #IMPLIED>",
        "",
    ):
        with pytest.raises(RefusedError):
            seen(f"<!DOCTYPE x [{inner}]>{whole.replace('>Ann<', '>&a;<')}", certificates=(signer.plain,))
        with pytest.raises(RefusedError):
            seen(f"<!DOCTYPE x [{inner}]>{whole}", certificates=(signer.plain,))
