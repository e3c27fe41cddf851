"""The written form of a node id (OPC UA Part 6, section 5.3.1.10)."""

from __future__ import annotations

from uuid import UUID

import pytest
from asyncua import ua

from bridge.drivers.opcua.address import parse_address
from core.errors import InputError


@pytest.mark.parametrize(
    ("text", "namespace", "identifier"),
    [
        ("ns=2;s=pump-1/flow", 2, "pump-1/flow"),
        ("ns=2;s=a;b=c", 2, "a;b=c"),
        ("i=2258", 0, 2258),
        ("ns=3;g=09087e75-8e5e-499b-954f-f2a9603db28a", 3, UUID("09087e75-8e5e-499b-954f-f2a9603db28a")),
        ("ns=1;b=M/RbKBsRVkePCePcx24oRA==", 1, bytes.fromhex("33f45b281b1156478f09e3dcc76e2844")),
    ],
)
def test_every_kind_of_identifier(text: str, namespace: int, identifier: object) -> None:
    address = parse_address(text, where="here")
    assert (address.namespace, address.identifier) == (namespace, identifier)
    assert ua.NodeId.from_string(text).NamespaceIndex == namespace


@pytest.mark.parametrize("text", ["", "flow", "ns=2;flow", "ns=70000;i=1", "i=-1", "i=4294967296", "g=1", "b=%%%"])
def test_anything_else_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(InputError, match="ns=2;s=pump-1/flow") as refusal:
        parse_address(text, where="loop, p1.flow")
    assert refusal.value.received == text
