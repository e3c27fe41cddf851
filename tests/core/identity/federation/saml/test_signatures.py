"""What is signed is what is read: forged, moved, wrapped and odd signatures."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from core.identity.federation.errors import RefusedError
from core.identity.federation.saml.signatures import check
from tests.core.identity.federation.saml.conftest import Said, Signer, seen

EVIL = Said(name_id="s-of-the-admin", attributes=(("email", "admin@north.example"),), assertion_id="_evil")
SIGNATURE = re.compile(r"<ds:Signature\b.*?</ds:Signature>", re.DOTALL)
XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"


def good(signer: Signer) -> str:
    """A signed assertion."""
    return signer.sign(Said().assertion())


def refuses(document: str, signer: Signer) -> None:
    with pytest.raises(RefusedError):
        seen(document, certificates=(signer.plain,))


def test_nothing_unsigned_passes(signer: Signer):
    refuses(Said().around(Said().assertion()), signer)
    refuses(Said().around(SIGNATURE.sub("", good(signer))), signer)


def test_nobody_else_s_signature_passes(signer: Signer, stranger: Signer):
    # Its own certificate comes along in the signature, and counts for nothing.
    refuses(Said().around(good(stranger)), signer)
    refuses(stranger.sign(Said().around(Said().assertion())), signer)
    refuses(stranger.sign(Said().around(good(stranger))), signer)
    swapped = good(stranger).replace(stranger.plain[:60], signer.plain[:60])
    refuses(Said().around(swapped), signer)


@pytest.mark.parametrize(
    ("before", "after"),
    [(">s-1<", ">s-2<"), (">ann@", ">admin@"), ("_assertion-1", "_assertion-2"), ("InResponseTo", "Address")],
)
def test_a_change_breaks_the_signature(signer: Signer, before: str, after: str):
    refuses(Said().around(good(signer).replace(before, after)), signer)


@pytest.mark.parametrize(
    "how",
    [
        {"sign_algorithm": f"{XMLDSIG}rsa-sha1"},
        {"digest_algorithm": f"{XMLDSIG}sha1"},
    ],
    ids=str,
)
def test_broken_algorithms_are_refused_even_from_the_provider(signer: Signer, how: dict[str, str]):
    refuses(Said().around(signer.sign(Said().assertion(), **how)), signer)


def _within(tag: str, inner: str) -> str:
    return f'<samlp:Extensions><x:{tag} xmlns:x="urn:x">{inner}</x:{tag}></samlp:Extensions>'


def _into_evil(signed: str, place: str) -> str:
    """The evil assertion with the signature of the good one, which itself lies in `place` within."""
    signature = SIGNATURE.findall(signed)[0]
    bare = SIGNATURE.sub("", signed)
    moved = signature.replace("</ds:Signature>", f"<ds:Object>{bare}</ds:Object></ds:Signature>")
    around = {"object": moved, "beside": f"{signature}{bare}"}[place]
    return EVIL.assertion().replace("</saml:Issuer>", f"</saml:Issuer>{around}", 1)


_WRAPPINGS: dict[str, Callable[[str], str]] = {
    "evil first": lambda good: EVIL.around(EVIL.assertion() + good),
    "evil last": lambda good: EVIL.around(good + EVIL.assertion()),
    "good in an extension": lambda good: EVIL.around(EVIL.assertion()).replace(
        "<samlp:Status>", f"{_within('Hidden', good)}<samlp:Status>"
    ),
    "good in the signature of evil": lambda good: EVIL.around(_into_evil(good, "object")),
    "good in evil": lambda good: EVIL.around(_into_evil(good, "beside")),
    "evil in good": lambda good: Said().around(
        good.replace("</saml:Assertion>", f"{EVIL.assertion()}</saml:Assertion>")
    ),
    "evil in advice": lambda good: Said().around(
        good.replace("<saml:AuthnStatement", f"<saml:Advice>{EVIL.assertion()}</saml:Advice><saml:AuthnStatement")
    ),
    "the same id twice, evil first": lambda good: EVIL.around(EVIL.assertion().replace("_evil", "_assertion-1") + good),
    "the same id twice, good in an extension": lambda good: EVIL.around(
        EVIL.assertion().replace("_evil", "_assertion-1")
    ).replace("<samlp:Status>", f"{_within('Hidden', good)}<samlp:Status>"),
    "evil with the signature alone": lambda good: EVIL.around(
        EVIL.assertion().replace("</saml:Issuer>", f"</saml:Issuer>{SIGNATURE.findall(good)[0]}", 1)
    ),
    "evil as the good one's id": lambda good: EVIL.around(
        EVIL.assertion()
        .replace("_evil", "_assertion-1")
        .replace("</saml:Issuer>", f"</saml:Issuer>{SIGNATURE.findall(good)[0]}", 1)
    ),
    "good within a response within": lambda good: EVIL.around(EVIL.assertion()).replace(
        "<samlp:Status>", f"{_within('Hidden', Said().around(good))}<samlp:Status>"
    ),
}


@pytest.mark.parametrize("wrapping", _WRAPPINGS)
def test_a_signature_cannot_be_made_to_speak_for_another_assertion(signer: Signer, wrapping: str):
    signed = good(signer)
    assert seen(Said().around(signed), certificates=(signer.plain,)).subject == "s-1"

    refuses(_WRAPPINGS[wrapping](signed), signer)


def test_a_signed_response_cannot_be_wrapped(signer: Signer):
    signed = signer.sign(Said().around(Said().assertion()))
    signature = SIGNATURE.findall(signed)[0]
    bare = SIGNATURE.sub("", signed)
    evil = EVIL.around(EVIL.assertion()).replace("_response-1", "_evil-response")
    for around in (signature + _within("Hidden", bare), _within("Hidden", signed)):
        refuses(evil.replace("</saml:Issuer>", f"</saml:Issuer>{around}", 1), signer)
    inner = signature.replace("</ds:Signature>", f"<ds:Object>{bare}</ds:Object></ds:Signature>")
    refuses(evil.replace("</saml:Issuer>", f"</saml:Issuer>{inner}", 1), signer)
    refuses(signed.replace("</samlp:Response>", f"{EVIL.assertion()}</samlp:Response>"), signer)


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        (r'URI="#[^"]*"', 'URI=""'),
        (r'URI="#[^"]*"', 'URI="file:///etc/passwd"'),
        (r'URI="#[^"]*"', 'URI="http://127.0.0.1:1/"'),
        (r'URI="#[^"]*"', 'URI="#xpointer(/)"'),
        (
            r"</ds:Reference>",
            f'</ds:Reference><ds:Reference URI=""><ds:DigestMethod Algorithm="{XMLDSIG}sha1"/>'
            "<ds:DigestValue>AA==</ds:DigestValue></ds:Reference>",
        ),
        (r"<ds:Transforms>", '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>'),
        (
            r"<ds:Transforms>",
            '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
            "<ds:XPath>false()</ds:XPath></ds:Transform>",
        ),
        (r"<ds:KeyInfo>", f'<ds:KeyInfo><ds:RetrievalMethod URI="http://127.0.0.1:1/" Type="{XMLDSIG}X509Data"/>'),
        (r'Algorithm="[^"]*rsa-sha256"', f'Algorithm="{XMLDSIG}hmac-sha1"'),
        (r"</ds:Signature>", "<ds:Object>along</ds:Object></ds:Signature>"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_a_signature_of_an_odd_kind_is_not_even_followed(signer: Signer, part: str, odd: str):
    changed, times = re.subn(part, lambda _: odd, good(signer), count=1)
    assert times == 1

    with pytest.raises(RefusedError):
        check(OneLogin_Saml2_XML.to_etree(Said().around(changed)))


def test_the_public_key_is_no_password(signer: Signer):
    # With HMAC, what verifies also signs, and everybody has the certificate.
    hmac = good(signer).replace("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", f"{XMLDSIG}hmac-sha256")
    assert hmac != good(signer)
    refuses(Said().around(hmac), signer)
