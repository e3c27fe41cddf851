"""What two sides of SAML tell each other about themselves. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from cryptography import x509

from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.fetch import check_address

NAMESPACES = {
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
}
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class SamlProvider:
    """The part of a provider's metadata that a sign-in needs.

    Attributes:
        entity_id: as it must stand in responses.
        sign_on: where the browser goes with a request.
        certificates: base64 of the certificates it signs with; more than one while it changes them.
    """

    entity_id: str
    sign_on: str
    certificates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Door:
    """This service, as one tenant's provider knows it; each has a door of its own, so that no answer fits two."""

    entity_id: str
    acs: str
    """Assertion consumer service: where the browser brings the response."""


def parse(text: str | bytes, *, where: str) -> SamlProvider:
    """Read a provider's metadata.

    Args:
        text: XML.
        where: file or address, for errors.

    Raises:
        ProviderFaultError: not metadata of exactly one identity provider, expired, or without a safe address to sign
            on by redirect or a certificate.
    """
    root = _root(text, where)
    found = root.xpath("descendant-or-self::md:EntityDescriptor[md:IDPSSODescriptor]", namespaces=NAMESPACES)
    if len(found) != 1 or not found[0].get("entityID"):
        raise ProviderFaultError(
            "not the metadata of one identity provider", received=f"{len(found)} of them", where=where
        )
    entity = found[0]
    if any(_is_past(node.get("validUntil"), where) for node in entity.iterancestors()) or _is_past(
        entity.get("validUntil"), where
    ):
        raise ProviderFaultError("the identity provider's metadata has expired", where=where)
    address = entity.xpath(
        "md:IDPSSODescriptor/md:SingleSignOnService[@Binding=$binding]/@Location",
        binding=_REDIRECT,
        namespaces=NAMESPACES,
    )
    if not address:
        raise ProviderFaultError("the identity provider offers no sign-on by redirect", where=where)
    check_address(str(address[0]))
    keys = entity.xpath(
        "md:IDPSSODescriptor/md:KeyDescriptor[not(@use) or @use='signing']/ds:KeyInfo/ds:X509Data/ds:X509Certificate",
        namespaces=NAMESPACES,
    )
    certificates = tuple(_certificate(node.text or "", where) for node in keys)
    if not certificates:
        raise ProviderFaultError("the identity provider names no certificate that it signs with", where=where)
    return SamlProvider(str(entity.get("entityID")), str(address[0]), certificates)


def of_door(door: Door) -> str:
    """Our own metadata, to be read by the provider's administrator."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="{NAMESPACES["md"]}" entityID={quoteattr(door.entity_id)}>\n'
        f'  <md:SPSSODescriptor protocolSupportEnumeration="{NAMESPACES["samlp"]}" AuthnRequestsSigned="false" '
        'WantAssertionsSigned="true">\n'
        f'    <md:AssertionConsumerService Binding="{_POST}" Location={quoteattr(door.acs)} index="0" '
        'isDefault="true"/>\n'
        "  </md:SPSSODescriptor>\n"
        "</md:EntityDescriptor>\n"
    )


def _root(text: str | bytes, where: str) -> Any:
    from lxml.etree import LxmlError
    from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

    try:
        return OneLogin_Saml2_XML.to_etree(text)  # Refuses document types and entities.
    except (LxmlError, ValueError) as error:
        raise ProviderFaultError("not a metadata document", received=str(error)[:200], where=where) from error


def _is_past(moment: str | None, where: str) -> bool:
    if moment is None:
        return False
    try:
        return instant(moment) <= datetime.now(UTC)
    except ValueError as error:
        raise ProviderFaultError("the metadata's validity cannot be read", received=moment, where=where) from error


def instant(text: str) -> datetime:
    """A SAML moment; they are all UTC (SAML core, 1.3.3).

    Raises:
        ValueError: not one.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def ends_of(certificates: Iterable[str]) -> list[datetime]:
    """Until when certificates say that they are good; SAML trusts those in the metadata whatever they say."""
    return [x509.load_der_x509_certificate(base64.b64decode(one)).not_valid_after_utc for one in certificates]


def _certificate(text: str, where: str) -> str:
    plain = "".join(text.split())
    try:
        x509.load_der_x509_certificate(base64.b64decode(plain, validate=True))
    except ValueError as error:
        raise ProviderFaultError("a certificate in the metadata cannot be read", where=where) from error
    return plain
