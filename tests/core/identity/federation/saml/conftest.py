"""A provider that signs what it is told to, also what no provider would."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.identity.federation.saml.metadata import NAMESPACES, Door, SamlProvider
from core.identity.federation.saml.response import Assertion, read

DOOR = Door("https://goldlayer.example/metadata", "https://goldlayer.example/acs")
REQUEST = "_request-1"
ISSUER = "https://id.example"
SIGN_ON = "https://id.example/sign-on"
BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"


def moment(seconds: float = 0) -> str:
    """So many seconds from now, as SAML writes it."""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Signer:
    """A key pair and its certificate."""

    key: str
    certificate: str

    @classmethod
    def new(cls) -> Signer:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.example")])
        now = datetime.now(UTC)
        signed = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return cls(private.decode(), signed.sign(key, hashes.SHA256()).public_bytes(pem).decode())

    @property
    def plain(self) -> str:
        """The certificate as metadata has it."""
        return "".join(line for line in self.certificate.splitlines() if "-" not in line)

    def sign(self, document: str, **how: Any) -> str:
        """Sign the root element."""
        from onelogin.saml2.utils import OneLogin_Saml2_Utils

        signed = OneLogin_Saml2_Utils.add_sign(document, self.key, self.certificate, **how)
        return signed.decode() if isinstance(signed, bytes) else signed


@dataclass
class Said:
    """A response in parts; each may be changed before it is signed."""

    response: dict[str, str | None] = field(default_factory=dict)
    confirmation: dict[str, str | None] = field(default_factory=dict)
    conditions: dict[str, str | None] = field(default_factory=dict)
    audiences: tuple[str, ...] = (DOOR.entity_id,)
    issuer: str = ISSUER
    method: str = _BEARER
    status: str = _SUCCESS
    name_id: str = "s-1"
    name_format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    attributes: tuple[tuple[str, str], ...] = (("email", "ann@north.example"), ("displayName", "Ann"))
    assertion_id: str = "_assertion-1"

    def assertion(self) -> str:
        """The assertion alone, unsigned."""
        data = {"Recipient": DOOR.acs, "InResponseTo": REQUEST, "NotOnOrAfter": moment(60), **self.confirmation}
        conditions = {"NotBefore": moment(), "NotOnOrAfter": moment(60), **self.conditions}
        audiences = "".join(
            f"<saml:AudienceRestriction><saml:Audience>{one}</saml:Audience></saml:AudienceRestriction>"
            for one in self.audiences
        )
        told = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
            for name, value in self.attributes
        )
        return (
            f'<saml:Assertion xmlns:saml="{NAMESPACES["saml"]}" ID="{self.assertion_id}" Version="2.0" '
            f'IssueInstant="{moment()}"><saml:Issuer>{self.issuer}</saml:Issuer>'
            f'<saml:Subject><saml:NameID Format="{self.name_format}">{self.name_id}</saml:NameID>'
            f'<saml:SubjectConfirmation Method="{self.method}"><saml:SubjectConfirmationData {_written(data)}/>'
            f"</saml:SubjectConfirmation></saml:Subject>"
            f"<saml:Conditions {_written(conditions)}>{audiences}</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{moment()}"><saml:AuthnContext><saml:AuthnContextClassRef>{_PASSWORD}'
            f"</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            + (f"<saml:AttributeStatement>{told}</saml:AttributeStatement>" if told else "")
            + "</saml:Assertion>"
        )

    def around(self, assertion: str) -> str:
        """The response around an assertion, unsigned."""
        marks = {"ID": "_response-1", "Destination": DOOR.acs, "InResponseTo": REQUEST, **self.response}
        return (
            f'<samlp:Response xmlns:samlp="{NAMESPACES["samlp"]}" xmlns:saml="{NAMESPACES["saml"]}" Version="2.0" '
            f'IssueInstant="{moment()}" {_written(marks)}><saml:Issuer>{ISSUER}</saml:Issuer>'
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>{assertion}</samlp:Response>'
        )


def _written(marks: dict[str, str | None]) -> str:
    return " ".join(f'{name}="{value}"' for name, value in marks.items() if value is not None)


def written(signer: Signer, **change: str) -> str:
    """Metadata of the provider."""
    parts = {
        "entity": ISSUER,
        "valid": "",
        "binding": f"{BINDINGS}:HTTP-Redirect",
        "location": SIGN_ON,
        "certificate": signer.plain,
        "use": 'use="signing"',
        **change,
    }
    return (
        f'<md:EntityDescriptor xmlns:md="{NAMESPACES["md"]}" xmlns:ds="{NAMESPACES["ds"]}" '
        f'entityID="{parts["entity"]}" {parts["valid"]}><md:IDPSSODescriptor '
        f'protocolSupportEnumeration="{NAMESPACES["samlp"]}"><md:KeyDescriptor {parts["use"]}><ds:KeyInfo>'
        f"<ds:X509Data><ds:X509Certificate>{parts['certificate']}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        f'</md:KeyDescriptor><md:SingleSignOnService Binding="{parts["binding"]}" Location="{parts["location"]}"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def seen(document: str, *, certificates: tuple[str, ...]) -> Assertion:
    """What the service makes of a document from the provider with these certificates."""
    provider = SamlProvider(ISSUER, SIGN_ON, certificates)
    return read(base64.b64encode(document.encode()).decode(), provider=provider, door=DOOR, request_id=REQUEST)


@pytest.fixture(scope="session")
def signer() -> Signer:
    """The provider's key."""
    return Signer.new()


@pytest.fixture(scope="session")
def stranger() -> Signer:
    """Somebody else's key."""
    return Signer.new()
