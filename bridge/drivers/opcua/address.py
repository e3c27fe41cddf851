"""The written form of an OPC UA address.

A node id as OPC UA Part 6, section 5.3.1.10 writes it, its namespace by index or by URI, or a browse path below Objects
as Part 4, annex A.2 writes it: `ns=2;s=pump-1/flow`, `nsu=urn:plant;i=1001`, `/2:Pumps/2:Pump-1/2:Flow`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from uuid import UUID

from core.errors import InputError

_FORM = re.compile(
    r"^(?:ns=(?P<namespace>\d{1,5});|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<identifier>.+)$", re.DOTALL
)
_STEP = re.compile(r"^(?:(?P<namespace>\d{1,5}):)?(?P<name>.+)$", re.DOTALL)
_UNREAD = re.compile(r"\d+:")
"""A namespace that was not read as one: too long, or with no name behind it."""
_PARTS = re.compile(r"((?:[^&/]|&.)*)(?:/|$)", re.DOTALL)
_LAST_NAMESPACE = 65_535
_ACCEPTED = (
    "[ns=<index>;|nsu=<uri>;]s=<text> | i=<number> | g=<GUID> | b=<base64>, for example ns=2;s=pump-1/flow;"
    " or a browse path below Objects, for example /2:Pumps/2:Pump-1/2:Flow"
)


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """A node id, checked; `uri` takes the place of `namespace` where it is said."""

    text: str
    namespace: int
    identifier: str | int | UUID | bytes
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class PathAddress:
    """A browse path: (namespace index, browse name) from Objects down."""

    text: str
    steps: tuple[tuple[int, str], ...]


Address = NodeAddress | PathAddress


def parse_address(text: str, *, where: str) -> Address:
    """Read one address.

    Raises:
        InputError: it is written otherwise.
    """
    try:
        return _path(text) if text.startswith("/") else _node(text)
    except (ValueError, Base64Error) as error:
        raise InputError(
            "OPC UA address cannot be read",
            expected=_ACCEPTED,
            received=text,
            where=where,
            next_step="correct `address` in the site file",
        ) from error


def _node(text: str) -> NodeAddress:
    match = _FORM.match(text)
    if match is None:
        raise ValueError(text)
    namespace = _namespace(match["namespace"])
    return NodeAddress(text, namespace, _identifier(match["kind"], match["identifier"]), match["uri"])


def _namespace(text: str | None) -> int:
    index = int(text or 0)
    if index > _LAST_NAMESPACE:
        raise ValueError(text)
    return index


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


def _path(text: str) -> PathAddress:
    """`&` makes the next character a part of the name."""
    steps: list[tuple[int, str]] = []
    at = 1
    while at <= len(text):
        found = _PARTS.match(text, at)
        step = _STEP.match(found[1]) if found else None
        if found is None or step is None or (step["namespace"] is None and _UNREAD.match(found[1])):
            raise ValueError(text)
        steps.append((_namespace(step["namespace"]), re.sub(r"&(.)", r"\1", step["name"], flags=re.DOTALL)))
        at = found.end() if found.end() > at + len(found[1]) else len(text) + 1
    return PathAddress(text, tuple(steps))
