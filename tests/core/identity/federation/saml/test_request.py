"""The request: readable by whoever reads SAML, and naming what the answer must name."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from core.identity.federation.saml.metadata import NAMESPACES, SamlProvider
from core.identity.federation.saml.request import address
from tests.core.identity.federation.saml.conftest import DOOR, ISSUER, REQUEST


@pytest.mark.parametrize("sign_on", ["https://id.example/sign-on", "https://id.example/sign-on?realm=1&x=%26"])
def test_a_request_names_door_and_id(sign_on: str):
    from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

    away = address(SamlProvider(ISSUER, sign_on, ()), DOOR, REQUEST, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert away.startswith(sign_on)
    packed = parse_qs(urlsplit(away).query)["SAMLRequest"][0]
    text = zlib.decompress(base64.b64decode(packed), wbits=-15)
    root = OneLogin_Saml2_XML.validate_xml(text, "saml-schema-protocol-2.0.xsd")
    assert (root.get("ID"), root.get("IssueInstant")) == (REQUEST, "2026-01-02T03:04:05Z")
    assert (root.get("Destination"), root.get("AssertionConsumerServiceURL")) == (sign_on, DOOR.acs)
    assert root.xpath("string(saml:Issuer)", namespaces=NAMESPACES) == DOOR.entity_id
