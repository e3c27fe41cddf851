"""Metadata: a provider's, and ours."""

from __future__ import annotations

import pytest

from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.saml.metadata import NAMESPACES, Door, of_door, parse
from tests.core.identity.federation.saml.conftest import BINDINGS, DOOR, ISSUER, SIGN_ON, Signer, moment, written


def test_what_a_sign_in_needs_is_read(signer: Signer):
    found = parse(written(signer), where="here")

    assert (found.entity_id, found.sign_on, found.certificates) == (ISSUER, SIGN_ON, (signer.plain,))
    wrapped = f'<md:EntitiesDescriptor xmlns:md="{NAMESPACES["md"]}">{written(signer)}</md:EntitiesDescriptor>'
    assert parse(wrapped, where="here") == found
    assert parse(written(signer, valid=f'validUntil="{moment(60)}"', use=""), where="here") == found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"entity": ""}, "metadata of one identity provider"),
        ({"valid": 'validUntil="2020-01-01T00:00:00Z"'}, "has expired"),
        ({"valid": 'validUntil="tomorrow"'}, "validity cannot be read"),
        ({"binding": f"{BINDINGS}:SOAP"}, "no sign-on by redirect"),
        ({"location": "http://id.example/sign-on"}, "not an address"),
        ({"certificate": "bm90IG9uZQ=="}, "certificate in the metadata cannot be read"),
        ({"use": 'use="encryption"'}, "no certificate"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_told(signer: Signer, change: dict[str, str], says: str):
    with pytest.raises(ProviderFaultError, match=says):
        parse(written(signer, **change), where="here")


def test_several_providers_in_one_document_are_none(signer: Signer):
    both = written(signer) + written(signer, entity="https://evil.example")
    with pytest.raises(ProviderFaultError, match="metadata of one identity provider"):
        parse(f'<md:EntitiesDescriptor xmlns:md="{NAMESPACES["md"]}">{both}</md:EntitiesDescriptor>', where="here")


@pytest.mark.parametrize("text", ["", "no XML", "<html/>", '<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>'])
def test_what_is_no_metadata_is_told(text: str):
    with pytest.raises(ProviderFaultError):
        parse(text, where="here")


def test_our_own_says_where_answers_go_and_that_they_are_signed():
    from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

    text = of_door(Door('https://goldlayer.example/"&<', DOOR.acs))

    root = OneLogin_Saml2_XML.validate_xml(text, "saml-schema-metadata-2.0.xsd")
    assert root.get("entityID") == 'https://goldlayer.example/"&<'  # Valid by the schema, or it were a word.
    (service,) = root.xpath("//md:AssertionConsumerService", namespaces=NAMESPACES)
    assert service.get("Location") == DOOR.acs
    assert root.xpath("string(//md:SPSSODescriptor/@WantAssertionsSigned)", namespaces=NAMESPACES) == "true"
