"""The response the browser brings back (SAML profiles, 4.1.4). Pure, but for the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from core.identity.federation.errors import RefusedError
from core.identity.federation.saml import signatures
from core.identity.federation.saml.metadata import NAMESPACES, Door, SamlProvider, instant

SKEW = timedelta(seconds=30)
"""Clocks of two machines may differ by this much."""
LONGEST = 256 << 10
"""Characters of a response."""
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_BY_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_EMAIL = ("email", "mail", "emailAddress", f"{_CLAIMS}/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3")
_NAME = ("displayName", "name", "cn", f"{_CLAIMS}/name", "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3")
"""What providers call them: plain, as Active Directory does, and by the object ids of eduPerson."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the provider asserts of somebody, after every check.

    Attributes:
        id: good once.
        until: when it is refused for its age, by clocks as far apart as they may be.
        subject: name id.
        email: may be empty.
        name: may be empty.
        attributes: all of them, by name.
    """

    id: str
    until: datetime
    subject: str
    email: str
    name: str
    attributes: Mapping[str, tuple[str, ...]]


def read(document: str, *, provider: SamlProvider, door: Door, request_id: str) -> Assertion:
    """What a response asserts, if this provider made it for this door and this request, and lately.

    Args:
        document: base64, as the form brought it.
        provider: who must have signed it.
        door: whom it must be made for.
        request_id: what it must answer.

    Raises:
        RefusedError: it is anything else.
    """
    from onelogin.saml2.response import OneLogin_Saml2_Response
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    if not 0 < len(document) <= LONGEST:
        raise RefusedError("no response, or one that is too long")
    here = urlsplit(door.acs)
    request = {"https": "on" if here.scheme == "https" else "off", "http_host": here.netloc, "script_name": here.path}
    try:
        settings = OneLogin_Saml2_Settings(_settings(provider, door), sp_validation_only=True)
        response = OneLogin_Saml2_Response(settings, document)
        signatures.check(response.document)
        response.is_valid(request, request_id, raise_exceptions=True)
        name_id, attributes = response.get_nameid_data(), response.get_attributes()
    except RefusedError:
        raise
    except Exception as error:  # Whatever a stranger's document makes the parsers say, it means no.
        raise RefusedError(f"the response is not valid: {str(error)[:200] or type(error).__name__}") from error
    until = _check_again(response.document, provider, door, request_id, datetime.now(UTC))
    return _assertion(response.document, until, name_id, attributes)


def _settings(provider: SamlProvider, door: Door) -> dict[str, Any]:
    return {
        "strict": True,
        "sp": {"entityId": door.entity_id, "assertionConsumerService": {"url": door.acs}},
        "idp": {
            "entityId": provider.entity_id,
            "singleSignOnService": {"url": provider.sign_on},
            "x509certMulti": {"signing": list(provider.certificates)},
        },
        "security": {
            "allowSingleLabelDomains": True,
            "allowRepeatAttributeName": True,
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": False,
            "wantAttributeStatement": False,
        },
    }


def _check_again(root: Any, provider: SamlProvider, door: Door, request_id: str, now: datetime) -> datetime:
    """What the library lets pass when it is absent, or checks by beginnings, or with minutes of skew.

    Returns:
        When the assertion is refused for its age.
    """
    if root.get("InResponseTo") != request_id or root.get("Destination", door.acs) != door.acs:
        raise RefusedError("the response answers another request or was meant for another door")
    if [node.text for node in _in_assertion(root, "saml:Issuer")] != [provider.entity_id]:
        raise RefusedError("the assertion names no issuer")
    audiences = [
        {(node.text or "").strip() for node in restriction}
        for restriction in _in_assertion(root, "saml:Conditions/saml:AudienceRestriction")
    ]
    if not audiences or any(door.entity_id not in one for one in audiences):
        raise RefusedError("the assertion is for another audience")
    conditions = next(iter(_in_assertion(root, "saml:Conditions")))
    confirmed = [
        data
        for data in _in_assertion(root, "saml:Subject/saml:SubjectConfirmation[@Method=$m]/*", m=_BEARER)
        if data.get("Recipient") == door.acs and data.get("InResponseTo") == request_id and data.get("NotOnOrAfter")
    ]
    if not confirmed:
        raise RefusedError("the assertion is for another recipient or answers another request")
    ends = [instant(node.get("NotOnOrAfter")) for node in (conditions, *confirmed) if node.get("NotOnOrAfter")]
    starts = [instant(node.get("NotBefore")) for node in (conditions, *confirmed) if node.get("NotBefore")]
    if any(end + SKEW <= now for end in ends) or any(start - SKEW > now for start in starts):
        raise RefusedError("the assertion is not of this moment: it was kept, or the clocks disagree")
    return max(ends) + SKEW


def _in_assertion(root: Any, path: str, **names: str) -> Iterable[Any]:
    return root.xpath(f"/samlp:Response/saml:Assertion/{path}", namespaces=NAMESPACES, **names)


def _assertion(
    root: Any, until: datetime, name_id: Mapping[str, str], attributes: Mapping[str, list[Any]]
) -> Assertion:
    kind, subject = name_id.get("Format"), str(name_id.get("Value") or "").strip()
    if kind == _TRANSIENT:
        raise RefusedError("the provider names people anew each time: it must send a persistent name id")
    email = _first(attributes, _EMAIL) or (subject if kind == _BY_EMAIL else "")
    mark = root.xpath("string(/samlp:Response/saml:Assertion/@ID)", namespaces=NAMESPACES)
    told = {name: tuple(one for one in values if isinstance(one, str)) for name, values in attributes.items()}
    return Assertion(str(mark), until, subject, email, _first(attributes, _NAME), told)


def _first(attributes: Mapping[str, list[Any]], names: Iterable[str]) -> str:
    for name in names:
        for value in attributes.get(name, []):
            if isinstance(value, str) and value:
                return value
    return ""
