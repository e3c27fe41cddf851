"""The written form of an OPC UA address: a node id as OPC UA Part 6, section 5.3.1.10 writes it."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from uuid import UUID

from core.errors import InputError

_FORM = re.compile(r"^(?:ns=(?P<namespace>\d{1,5});)?(?P<kind>[isgb])=(?P<identifier>.+)$")
_ACCEPTED = "[ns=<index>;]s=<text> | i=<number> | g=<GUID> | b=<base64>, for example ns=2;s=pump-1/flow"


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node id, checked."""

    text: str
    namespace: int
    identifier: str | int | UUID | bytes


def parse_address(text: str, *, where: str) -> NodeAddress:
    """Read one address.

    Raises:
        InputError: it is written otherwise.
    """
    match = _FORM.match(text)
    try:
        if match is None:
            raise ValueError(text)
        namespace = int(match["namespace"] or 0)
        if namespace > 65_535:
            raise ValueError(text)
        return NodeAddress(text, namespace, _identifier(match["kind"], match["identifier"]))
    except (ValueError, Base64Error) as error:
        raise InputError(
            "OPC UA address cannot be read",
            expected=_ACCEPTED,
            received=text,
            where=where,
            next_step="correct `address` in the site file",
        ) from error


def _identifier(kind: str, text: str) -> str | int | UUID | bytes:
    match kind:
        case "i":
            number = int(text)
            if not 0 <= number < 2**32:
                raise ValueError(text)
            return number
        case "g":
            return UUID(text)
        case "b":
            return b64decode(text, validate=True)
        case _:
            return text
