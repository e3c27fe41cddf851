"""The request the browser takes to the provider (SAML bindings, 3.4: HTTP redirect). Pure."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

from core.identity.federation.saml.metadata import NAMESPACES, Door, SamlProvider

_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def address(provider: SamlProvider, door: Door, request_id: str, now: datetime) -> str:
    """Where the browser goes.

    Args:
        provider: who is asked.
        door: where the answer is to be brought.
        request_id: what the answer must name.
        now: moment of the request.
    """
    request = (
        f'<samlp:AuthnRequest xmlns:samlp="{NAMESPACES["samlp"]}" xmlns:saml="{NAMESPACES["saml"]}" '
        f'ID={quoteattr(request_id)} Version="2.0" IssueInstant="{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" '
        f"Destination={quoteattr(provider.sign_on)} AssertionConsumerServiceURL={quoteattr(door.acs)} "
        f'ProtocolBinding="{_POST}"><saml:Issuer>{escape(door.entity_id)}</saml:Issuer></samlp:AuthnRequest>'
    )
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(request.encode()) + packer.flush()
    joint = "&" if urlsplit(provider.sign_on).query else "?"
    return f"{provider.sign_on}{joint}{urlencode({'SAMLRequest': base64.b64encode(packed).decode()})}"
