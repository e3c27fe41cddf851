"""What a signature in a response may look like, looked at before anything in it is followed. Pure.

Verifying resolves the signature's references and runs its transforms first and compares last, so a stranger's document
could have us read files, call addresses or run style sheets. SAML needs none of that (SAML core, 5.4).
"""

from __future__ import annotations

from typing import Any

from core.identity.federation.errors import RefusedError
from core.identity.federation.saml.metadata import NAMESPACES

_DS, _SAML, _SAMLP = (f"{{{NAMESPACES[name]}}}" for name in ("ds", "saml", "samlp"))
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_CANONICAL = {_EXCLUSIVE, f"{_EXCLUSIVE}WithComments"}
_TRANSFORMS = {*_CANONICAL, "http://www.w3.org/2000/09/xmldsig#enveloped-signature"}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_CHILDREN = {f"{_DS}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")}
_METHODS = {f"{_MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256",
    f"{_MORE}sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
}


def check(root: Any) -> None:
    """Go on only with signatures that sign the element they stand in, whole and in an accepted way.

    Args:
        root: parsed response.

    Raises:
        RefusedError: no signature, or one that does anything else.
    """
    if root.tag != f"{_SAMLP}Response":
        raise RefusedError("not a SAML response")
    marks = [node.get("ID") for node in root.iter() if node.get("ID") is not None]
    if len(set(marks)) != len(marks) or any(node.get(_XML_ID) is not None for node in root.iter()):
        raise RefusedError("two elements of the response have the same id")
    signatures = list(root.iter(f"{_DS}Signature"))
    if not signatures:
        raise RefusedError("neither response nor assertion is signed")
    for signature in signatures:
        _check_one(root, signature)


def _check_one(root: Any, signature: Any) -> None:
    parent = signature.getparent()
    place = (parent is root) or (parent.tag == f"{_SAML}Assertion" and parent.getparent() is root)
    if not place or len(parent.findall(f"{_DS}Signature")) != 1:
        raise RefusedError("a signature stands where none belongs")
    if any(child.tag not in _CHILDREN for child in signature):
        raise RefusedError("a signature carries something along")
    references = list(signature.iter(f"{_DS}Reference"))
    if len(references) != 1 or not parent.get("ID") or references[0].get("URI") != f"#{parent.get('ID')}":
        raise RefusedError("a signature signs something else than the element it stands in")
    for name, accepted in (
        ("CanonicalizationMethod", _CANONICAL),
        ("Transform", _TRANSFORMS),
        ("SignatureMethod", _METHODS),
        ("DigestMethod", _DIGESTS),
    ):
        used = [node.get("Algorithm") for node in signature.iter(f"{_DS}{name}")]
        if not used or any(one not in accepted for one in used):
            raise RefusedError(f"a signature's {name} is not accepted")
    if list(signature.iter(f"{_DS}RetrievalMethod")):
        raise RefusedError("a signature has its key elsewhere")
