"""HistoryRead of many nodes at once, page by page (OPC UA Part 11, section 6.5.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.client.client import Client

from bridge.driver import Series
from bridge.drivers.opcua.profiles import OpcuaProfile
from core.contracts.reading import Sample

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN_END = datetime(2500, 1, 1, tzinfo=UTC)
"""Plants may run ahead of this clock; an end in the far future takes all there is."""


Decode = Callable[[Series, ua.DataValue], Sample]


def starts(
    wanted: Iterable[Series], newest: Mapping[Series, int], shown: Mapping[Series, int], overlap_us: int
) -> dict[Series, int]:
    """Where reading history begins for each series that is known, in microseconds.

    As long before the newest known time as nobody was connected: rows that the source wrote meanwhile while its clock
    ran back lie there. If the value shown is older than the newest known, the clock has jumped back further; then
    before that value. What is read twice is dropped by its identity.
    """
    begin: dict[Series, int] = {}
    for series in wanted:
        if series in newest:
            known = newest[series]
            begin[series] = max(min(known, shown.get(series, known)) - overlap_us, 0)
    return begin


@dataclass(slots=True)
class _Pending:
    """Nodes that start at one time, with where each goes on."""

    nodes: dict[Series, ua.NodeId]
    points: dict[Series, bytes | None]
    """Continuation points of the nodes that have more; None before the first page."""
    cut_off: dict[Series, int] = field(default_factory=dict["Series", int])
    """Nodes whose server filled a page and gave no continuation point, with the last time it gave: some servers
    forget the point, and reading on from that time costs at most one value read twice."""


async def read_history(
    client: Client,
    nodes: Mapping[Series, ua.NodeId],
    begin: Mapping[Series, int],
    profile: OpcuaProfile,
    decode: Decode,
    unfilled: set[Series],
    unreadable: dict[Series, str],
) -> AsyncIterator[list[Sample]]:
    """Everything the server keeps from a source time of each series on, that time included.

    Args:
        client: connected.
        nodes: what to ask for.
        begin: microseconds; a series that is not in it is read from the beginning of its history.
        profile: how many nodes and values to ask for at once.
        decode: makes a sample of a data value.
        unfilled: receives the series whose node has no history, or none that can be read.
        unreadable: receives the series whose history cannot be decoded, with the reason.

    Yields:
        Samples, a page of every node at a time, by source time within a series.
    """
    ahead: dict[int, dict[Series, ua.NodeId]] = {}
    for series, node in nodes.items():
        ahead.setdefault(begin.get(series, 0), {})[series] = node
    while ahead:
        start_us = min(ahead)
        everyone = list(ahead.pop(start_us).items())
        for first in range(0, len(everyone), profile.max_nodes_per_history_read):
            some = dict(everyone[first : first + profile.max_nodes_per_history_read])
            pending = _Pending(some, dict.fromkeys(some))
            while pending.points:
                page: list[Sample] = []
                for series, result in await _results(client, start_us, pending, profile.history_page, unreadable):
                    page += _taken(series, result, pending, profile.history_page, decode, unfilled)
                for series in unreadable.keys() & pending.points.keys():
                    del pending.points[series]
                    unfilled.add(series)
                if page:
                    yield page
            for series, last_us in pending.cut_off.items():
                if last_us > start_us:
                    ahead.setdefault(last_us, {})[series] = some[series]


async def _results(
    client: Client,
    start_us: int,
    pending: _Pending,
    size: int,
    unreadable: dict[Series, str],
    some: Sequence[Series] | None = None,
) -> list[tuple[Series, Any]]:
    """A page of nodes; an answer that cannot be decoded is asked for in halves, down to the node that spoils it."""
    asked = list(pending.points) if some is None else some
    try:
        found = await client.uaclient.session.history_read(_parameters(start_us, pending, asked, size))
    except (OSError, TimeoutError, ua.UaStatusCodeError):
        raise
    except Exception as error:  # whatever the library's parts say to bytes that are none of theirs
        if len(asked) == 1:
            unreadable[asked[0]] = str(error) or type(error).__name__
            return []
        middle = len(asked) // 2
        halves = [await _results(client, start_us, pending, size, unreadable, half) for half in
                  (asked[:middle], asked[middle:])]  # fmt: skip
        return [one for half in halves for one in half]
    return list(zip(asked, found, strict=True))


def _parameters(start_us: int, pending: _Pending, asked: Sequence[Series], size: int) -> ua.HistoryReadParameters:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = _EPOCH + timedelta(microseconds=start_us)
    details.EndTime = _OPEN_END
    details.NumValuesPerNode = size
    details.ReturnBounds = False
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = details
    params.TimestampsToReturn = ua.TimestampsToReturn.Both
    params.ReleaseContinuationPoints = False
    for series in asked:
        node = ua.HistoryReadValueId()
        node.NodeId = pending.nodes[series]
        node.IndexRange = ""
        node.ContinuationPoint = pending.points[series]
        params.NodesToRead.append(node)
    return params


def _taken(
    series: Series, result: Any, pending: _Pending, size: int, decode: Decode, unfilled: set[Series]
) -> list[Sample]:
    """Samples of one node's page, and where it goes on."""
    before = pending.points.pop(series)
    if result.StatusCode.is_bad():
        unfilled.add(series)
        return []
    samples = [decode(series, value) for value in getattr(result.HistoryData, "DataValues", None) or []]
    if result.ContinuationPoint and result.ContinuationPoint != before:
        pending.points[series] = result.ContinuationPoint
    elif len(samples) >= size:
        pending.cut_off[series] = samples[-1].ts_us
    return samples
