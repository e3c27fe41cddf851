"""The written form of a node id (OPC UA Part 6, section 5.3.1.10)."""

from __future__ import annotations

from uuid import UUID

import pytest
from asyncua import ua

from bridge.drivers.opcua.address import NodeAddress, PathAddress, parse_address
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
    assert isinstance(address, NodeAddress)
    assert (address.namespace, address.identifier) == (namespace, identifier)
    assert ua.NodeId.from_string(text).NamespaceIndex == namespace


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flow",
        "ns=2;flow",
        "ns=70000;i=1",
        "i=-1",
        "i=4294967296",
        "g=1",
        "b=%%%",
        "nsu=;s=a",
        "/",
        "/2:",
        "/a//b",
        "/a/",
        "/70000:a",
        "/a&",
    ],
)
def test_anything_else_is_refused_with_the_accepted_forms(text: str) -> None:
    with pytest.raises(InputError, match="ns=2;s=pump-1/flow") as refusal:
        parse_address(text, where="loop, p1.flow")
    assert refusal.value.received == text


def test_a_namespace_may_be_named() -> None:
    address = parse_address("nsu=urn:plant:line-1;i=7", where="here")
    assert address == NodeAddress("nsu=urn:plant:line-1;i=7", 0, 7, "urn:plant:line-1")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("/2:Pumps/2:Pump-1/Flow", ((2, "Pumps"), (2, "Pump-1"), (0, "Flow"))),
        ("/3:a&/b/3:c&:d.e", ((3, "a/b"), (3, "c:d.e"))),
        ("/3:5:x", ((3, "5:x"),)),
        ("/&5:x", ((0, "5:x"),)),
    ],
)
def test_a_browse_path(text: str, steps: tuple[tuple[int, str], ...]) -> None:
    assert parse_address(text, where="here") == PathAddress(text, steps)
