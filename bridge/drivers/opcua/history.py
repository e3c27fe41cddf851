"""HistoryRead of many nodes at once, page by page (OPC UA Part 11, section 6.5.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

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
) -> AsyncIterator[list[Sample]]:
    """Everything the server keeps from a source time of each series on, that time included.

    Args:
        client: connected.
        nodes: what to ask for.
        begin: microseconds; a series that is not in it is read from the beginning of its history.
        profile: how many nodes and values to ask for at once.
        decode: makes a sample of a data value.
        unfilled: receives the series whose node has no history.

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
                page = await _read_page(client, start_us, pending, profile.history_page, decode, unfilled)
                if page:
                    yield page
            for series, last_us in pending.cut_off.items():
                if last_us > start_us:
                    ahead.setdefault(last_us, {})[series] = some[series]


async def _read_page(
    client: Client, start_us: int, pending: _Pending, size: int, decode: Decode, unfilled: set[Series]
) -> list[Sample]:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = _EPOCH + timedelta(microseconds=start_us)
    details.EndTime = _OPEN_END
    details.NumValuesPerNode = size
    details.ReturnBounds = False
    asked = list(pending.points)
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
    samples: list[Sample] = []
    for series, result in zip(asked, await client.uaclient.session.history_read(params), strict=True):
        before = pending.points.pop(series)
        if result.StatusCode.is_bad():
            unfilled.add(series)
            continue
        values = getattr(result.HistoryData, "DataValues", None) or []
        samples.extend(decode(series, value) for value in values)
        if result.ContinuationPoint and result.ContinuationPoint != before:
            pending.points[series] = result.ContinuationPoint
        elif len(values) >= size:
            pending.cut_off[series] = samples[-1].ts_us
    return samples
