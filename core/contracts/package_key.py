"""Which key a tenant's packages are signed with: a chain in which every key vouches for the one after it.

A bridge trusts one key. It is told of a newer one by the chain, and believes it only because the key it trusts has
signed it: whoever carries the chain can leave links out, and cannot add any.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import BaseModel, ConfigDict, StringConstraints

from core.errors import DeniedError, InputError

MOST_LINKS = 50
"""Of a chain that is handed over, the newest."""
_PURPOSE = b"goldlayer key for packages\0"
"""Begins what a key signs of its successor; a manifest, which is JSON, cannot."""
_Text = Annotated[str, StringConstraints(max_length=400)]


class KeyLink(BaseModel):
    """One key of a chain, and what the key before it has signed of it; nothing for the first, or after a lost one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    public_key: _Text
    """PEM."""
    endorsement: _Text | None = None
    """Base64."""


def public_key_of(pem: bytes) -> Ed25519PublicKey:
    """The key of a PEM text.

    Raises:
        InputError: it is no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise InputError("not a public key", expected="Ed25519 in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("not a key for packages", expected="Ed25519 in PEM", received=type(key).__name__)
    return key


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """The public half, PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(pem: bytes) -> str:
    """A key as two people can compare it by voice: `SHA256:` and 43 characters, as `ssh-keygen -l` shows one.

    Raises:
        InputError: it is no Ed25519 public key.
    """
    digest = hashlib.sha256(_raw(public_key_of(pem))).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def endorse(key: Ed25519PrivateKey, tenant: str, successor: bytes) -> str:
    """What a key signs of the one that takes its place, for one tenant."""
    return base64.b64encode(key.sign(_said(tenant, successor))).decode()


def newest_of(trusted: bytes, tenant: str, chain: Sequence[KeyLink]) -> bytes:
    """The newest key that follows from the trusted one, PEM; the trusted one itself if none does.

    Raises:
        DeniedError: the trusted key is not in the chain, or a link after it does not hold.
        InputError: something in the chain is no key.
    """
    keys = [link.public_key.encode() for link in chain]
    known = [_raw(public_key_of(pem)) for pem in keys]
    here = _raw(public_key_of(trusted))
    if here not in known:
        raise DeniedError(
            "the key for packages is not the one this bridge trusts",
            expected=fingerprint(trusted),
            received=fingerprint(keys[-1]) if keys else "none",
            next_step="compare fingerprints with the platform; on site: platform bridge packages trust KEY --home HOME",
        )
    for pem, link in list(zip(keys, chain, strict=True))[known.index(here) + 1 :]:
        if not _holds(trusted, tenant, pem, link.endorsement):
            raise DeniedError(
                "a new key for packages is not signed by the one this bridge trusts",
                expected=f"signed by {fingerprint(trusted)}",
                received=fingerprint(pem),
                next_step="compare fingerprints with the platform; on site: platform bridge packages trust KEY",
            )
        trusted = pem
    return trusted


def _holds(before: bytes, tenant: str, pem: bytes, endorsement: str | None) -> bool:
    try:
        signature = base64.b64decode(endorsement or "", validate=True)
        public_key_of(before).verify(signature, _said(tenant, pem))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _said(tenant: str, pem: bytes) -> bytes:
    return _PURPOSE + tenant.encode() + b"\0" + _raw(public_key_of(pem))


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
