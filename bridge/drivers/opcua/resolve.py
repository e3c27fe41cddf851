"""What a server knows: its limits, where an address leads, and the time of what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from bridge.driver import Series
from bridge.drivers.opcua.address import Address, NodeAddress, PathAddress
from bridge.drivers.opcua.decode import to_us
from bridge.drivers.opcua.profiles import LIMITS, OpcuaProfile
from bridge.drivers.opcua.session import PatientClient

_LIMITS_NODE = "Server_ServerCapabilities_OperationLimits_"
_NODE_ID_UNKNOWN = 0x80340000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a signal cannot be watched: an OPC UA status code and its name, or what is wrong in words."""

    quality: int
    reason: str


def _well_known(number: int) -> ua.NodeId:
    return ua.NodeId.from_string(f"i={number}")


def pieces(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """A long list in lists of at most `size`."""
    for first in range(0, len(items), size):
        yield items[first : first + size]


async def limits_of(client: PatientClient) -> dict[str, int]:
    """The server's OperationLimits by name; those it does not say are left out."""
    names = list(LIMITS)
    nodes = [_well_known(getattr(ObjectIds, _LIMITS_NODE + name)) for name in names]
    found: dict[str, int] = {}
    # One by one: nobody knows yet how many the server reads in one call.
    for name, node in zip(names, nodes, strict=True):
        (data,) = await client.uaclient.session.read_attributes([node], AttributeIds.Value)
        if data.Value is not None and isinstance(data.Value.Value, int):
            found[name] = data.Value.Value
    return found


async def resolve(
    client: PatientClient, addresses: Mapping[Series, Address], profile: OpcuaProfile
) -> tuple[dict[Series, ua.NodeId], dict[Series, Refused]]:
    """Node ids of addresses, and those that lead nowhere."""
    nodes: dict[Series, ua.NodeId] = {}
    refused: dict[Series, Refused] = {}
    namespaces: list[str] = []
    if any(isinstance(one, NodeAddress) and one.uri is not None for one in addresses.values()):
        namespaces = await client.get_namespace_array()
    paths: list[tuple[Series, PathAddress]] = []
    for series, address in addresses.items():
        if isinstance(address, PathAddress):
            paths.append((series, address))
        elif address.uri is None:
            nodes[series] = ua.NodeId.from_string(address.text)
        elif address.uri in namespaces:
            identifier = address.text.removeprefix(f"nsu={address.uri};")
            nodes[series] = ua.NodeId.from_string(f"ns={namespaces.index(address.uri)};{identifier}")
        else:
            refused[series] = Refused(_NODE_ID_UNKNOWN, f"no namespace {address.uri}")
    for some in pieces(paths, profile.max_paths_per_call):
        await _translate(client, some, profile.browse_timeout_s, nodes, refused)
    return nodes, refused


async def _translate(
    client: PatientClient,
    paths: Sequence[tuple[Series, PathAddress]],
    timeout_s: float,
    nodes: dict[Series, ua.NodeId],
    refused: dict[Series, Refused],
) -> None:
    asked = [_browse_path(address) for _, address in paths]
    with client.patience():
        results = await client.session.translate(asked, timeout_s)
    for (series, _), result in zip(paths, results, strict=True):
        whole = [one for one in result.Targets or [] if one.RemainingPathIndex == 0xFFFFFFFF]
        if result.StatusCode.is_bad() or not whole:
            refused[series] = Refused(int(result.StatusCode.value) or _NODE_ID_UNKNOWN, result.StatusCode.name)
        elif len(whole) > 1:
            refused[series] = Refused(_NODE_ID_UNKNOWN, f"the path leads to {len(whole)} nodes")
        else:
            target = whole[0].TargetId
            nodes[series] = ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)


def _browse_path(address: PathAddress) -> ua.BrowsePath:
    path = ua.BrowsePath()
    path.StartingNode = _well_known(ObjectIds.ObjectsFolder)
    downwards: dict[str, Any] = {"IsInverse": False, "IncludeSubtypes": True}
    for namespace, name in address.steps:
        step = ua.RelativePathElement(_well_known(ObjectIds.HierarchicalReferences), **downwards)
        step.TargetName = ua.QualifiedName(name, namespace)
        path.RelativePath.Elements.append(step)
    return path


async def shown_times(
    client: PatientClient, nodes: Mapping[Series, ua.NodeId], profile: OpcuaProfile, unreadable: dict[Series, str]
) -> dict[Series, int]:
    """Source time, in microseconds, of the value that each node shows now; nodes without one are left out.

    Args:
        client: connected.
        nodes: what to ask for.
        profile: how many nodes to ask for at once.
        unreadable: receives the series whose value cannot be decoded, with the reason.
    """
    times: dict[Series, int] = {}
    for some in pieces(list(nodes.items()), profile.max_nodes_per_read):
        for series, data in await _shown(client, some, unreadable):
            if data.SourceTimestamp is not None:
                times[series] = to_us(data.SourceTimestamp)
    return times


async def _shown(
    client: PatientClient, some: Sequence[tuple[Series, ua.NodeId]], unreadable: dict[Series, str]
) -> list[tuple[Series, ua.DataValue]]:
    """Values of nodes; an answer that cannot be decoded is asked for in halves, down to the node that spoils it."""
    try:
        found = await client.uaclient.session.read_attributes([node for _, node in some], AttributeIds.Value)
    except (OSError, TimeoutError, ua.UaStatusCodeError):
        raise
    except Exception as error:  # whatever the library's parts say to bytes that are none of theirs
        if len(some) == 1:
            unreadable[some[0][0]] = str(error) or type(error).__name__
            return []
        middle = len(some) // 2
        return [one for half in (some[:middle], some[middle:]) for one in await _shown(client, half, unreadable)]
    return [(series, data) for (series, _), data in zip(some, found, strict=True)]
