"""OPC UA: subscribes to every signal, and reads from the server's history what passed while nobody was connected."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from bridge.block import Block
from bridge.driver import DeviceLostError, DeviceRefusedError, Scan, Series
from bridge.drivers.opcua.changes import UnreadableItemError
from bridge.drivers.opcua.history import read_history, starts
from bridge.drivers.opcua.left_out import LeftOut
from bridge.drivers.opcua.plan import Plan, plan_site
from bridge.drivers.opcua.profiles import tightened
from bridge.drivers.opcua.receive import Receiver
from bridge.drivers.opcua.resolve import Refused, limits_of, resolve, shown_times
from bridge.drivers.opcua.security import secure, why
from bridge.drivers.opcua.session import PatientClient, RawChanges
from bridge.drivers.opcua.subscription import Subscription
from bridge.vault import NoSecrets, Secrets
from core.contracts.quality import BAD_DECODING_ERROR
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from core.log import get_logger

_MOST_QUEUED = 50_000
_SCAN_SAMPLES = 10_000
_NAMED = 10
"""Signals that a log line names."""
_log = get_logger("bridge")


class OpcuaDriver:
    """Driver of one OPC UA endpoint."""

    clocked = False

    def __init__(self, plan: Plan, writable: Collection[Series] = ()) -> None:
        self._plan, self._profile, self._where = plan, plan.profile, plan.endpoint
        self._handles = {series: handle for handle, series in enumerate(plan.addresses, start=1)}
        self._decoder = plan.decoder()
        self._receiver = Receiver(self._handles, self._decoder)
        self._writable = frozenset(writable)
        self._client: PatientClient | None = None
        self._nodes: dict[Series, ua.NodeId] = {}
        self._queue: deque[list[Sample] | Block] = deque()
        self._queued = 0
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._held: deque[list[Sample] | Block] | None = None
        self._unfilled: frozenset[str] = frozenset()
        self._no_history: set[Series] = set()
        self._left_out = LeftOut()
        self._told: dict[Series, int] = {}
        self._heard: float | None = None
        self._missing_since: float | None = None
        """When the outage began whose gap was not yet filled: an attempt that fails on the way does not shorten it."""
        self._failure: DeviceLostError | None = None
        self._catching_up: asyncio.Task[None] | None = None
        # The library logs every lost connection with its traceback; the runner says it once, in one line.
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)

    @classmethod
    def of_site(cls, site: SiteFile, writable: Collection[Series] = (), secrets: Secrets | None = None) -> Self:
        """The driver of a site file.

        Raises:
            InputError: endpoint, an address, a file or a secret is missing, malformed or does not fit.
        """
        return cls(plan_site(site, secrets or NoSecrets()), writable)

    async def connect(self, newest: Mapping[Series, int], away_s: float) -> None:
        """Connect, subscribe, and begin to fill the gap from history; live values wait behind it."""
        await self.close()
        if self._missing_since is None:
            self._missing_since = time.monotonic() - away_s if self._heard is None else self._heard
        self._queue.clear()
        self._queued, self._failure, self._held, self._unfilled = 0, None, deque(), frozenset()
        self._nodes.clear()
        self._room.set()
        client = PatientClient(self._plan.endpoint, self._profile.request_timeout_s, self._profile.probe_interval_s)
        client.session_timeout = self._profile.session_timeout_ms
        client.connection_lost_callback = self._lost
        try:
            await secure(client, self._plan.access, self._where)
            await client.connect()
            self._client = client
            self._profile = tightened(self._plan.profile, await limits_of(client))
            subscription = Subscription(client, self._profile, self._handles, self._plan.deadbands)
            await subscription.create(self._published)
            refused = await self._watch(client, subscription, self._left_out.without(self._handles))
        except (OSError, TimeoutError, ua.UaError) as error:
            await self.close()
            raise why(error, self._where) from error
        except InputError as error:
            # A secret was taken away while the bridge ran: it comes back to the vault, or the device stays away.
            await self.close()
            raise DeviceRefusedError(error.what, received=error.received, where=self._where) from error
        overlap_us = int((time.monotonic() - self._missing_since) * 1_000_000)
        self._catching_up = asyncio.create_task(self._catch_up(client, subscription, dict(newest), overlap_us, refused))

    async def _watch(self, client: PatientClient, subscription: Subscription, some: Collection[Series]) -> list[Series]:
        """Resolve and subscribe; signals that the server does not know, which turn Bad and are named."""
        addresses = {series: self._plan.addresses[series] for series in some}
        nodes, refused = await resolve(client, addresses, self._profile)
        refused |= await subscription.watch(nodes)
        self._nodes |= {series: node for series, node in nodes.items() if series not in refused}
        self._tell_refused(refused)
        for series in self._nodes:
            self._told.pop(series, None)
        return list(refused)

    def _tell_refused(self, refused: Mapping[Series, Refused]) -> None:
        fresh = {series: one for series, one in refused.items() if self._told.get(series) != one.quality}
        if not fresh:
            return
        now = time.time_ns() // 1000
        samples = [Sample(*series, now, None, None, one.quality) for series, one in fresh.items()]
        self._told |= {series: one.quality for series, one in fresh.items()}
        named = [f"{series[0]}.{series[1]} ({self._plan.addresses[series].text}): {one.reason}"
                 for series, one in list(fresh.items())[:_NAMED]]  # fmt: skip
        _log.error("device does not know a node", action="subscribe", device=self._where, nodes=len(fresh), named=named)
        self._take(samples)

    def _tell_kinds(self) -> None:
        """Name signals whose values no reading can hold, once each."""
        for series, reason in self._decoder.news():
            _log.error(
                "value cannot be read as a signal",
                action="read",
                device=self._where,
                equipment=series[0],
                signal=series[1],
                address=self._plan.addresses[series].text,
                reason=reason,
            )

    async def _published(self, result: ua.PublishResult) -> None:
        """Take one publish response; while the queue is full the server's queues hold the rest."""
        self._heard = time.monotonic()
        await self._room.wait()
        for notification in result.NotificationMessage.NotificationData or []:
            if isinstance(notification, RawChanges):
                await self._changed(notification)
            elif isinstance(notification, ua.StatusChangeNotification):
                await self._lost(ConnectionError(f"subscription ended: {notification.Status.name}"))
        self._tell_kinds()

    async def _changed(self, notification: RawChanges) -> None:
        """Take values, unless some were lost before them: history has these, and the ones before them."""
        try:
            received = self._receiver.receive(notification.body)
        except UnreadableItemError as error:
            blamed = self._receiver.blamed(error)
            if blamed is not None:
                self._leave_out(blamed, str(error))
            await self._lost(error)
            return
        except ua.UaError as error:
            await self._lost(error)
            return
        if received.overflowed - self._no_history:
            await self._lost(ConnectionError("the server's queue ran over"))
            return
        self._unfilled |= {machine for machine, _ in received.overflowed}
        self._take(received.samples)
        if received.block is not None:
            self._take(received.block)

    def _leave_out(self, series: Series, reason: str) -> None:
        """Do without an item from the next connection on: where it stands, what is behind it cannot be read either."""
        if not self._left_out.add(series):
            return
        _log.error("item cannot be decoded, it is left out", action="read", device=self._where, equipment=series[0],
                   signal=series[1], address=self._plan.addresses[series].text, reason=reason)  # fmt: skip
        # Past what is held behind the history, which ends with this connection.
        self._queue.append([Sample(*series, time.time_ns() // 1000, None, None, BAD_DECODING_ERROR)])
        self._queued += 1

    def _take(self, samples: list[Sample] | Block) -> None:
        if len(samples):
            (self._queue if self._held is None else self._held).append(samples)
            self._grow(samples)

    def _grow(self, samples: list[Sample] | Block) -> None:
        self._queued += len(samples)
        # What waits behind the history must not stop the history.
        if self._queued >= _MOST_QUEUED and self._held is None:
            self._room.clear()
        self._news.set()

    async def _catch_up(
        self,
        client: PatientClient,
        subscription: Subscription,
        newest: dict[Series, int],
        overlap_us: int,
        refused: list[Series],
    ) -> None:
        """Fill from history; then ask again, now and then, for nodes that the server did not know."""
        try:
            await self._fill(client, dict(self._nodes), newest, overlap_us)
            self._missing_since = None
            while refused or self._left_out:
                await asyncio.sleep(self._profile.refused_again_s)
                again = [*refused, *self._left_out.due()]
                if not again:
                    continue
                self._held = deque()
                known = set(self._nodes)
                refused = await self._watch(client, subscription, again)
                found = {series: node for series, node in self._nodes.items() if series not in known}
                await self._fill(client, found, newest, overlap_us)
        except (OSError, TimeoutError, ua.UaError) as error:
            await self._lost(error)

    async def _fill(
        self, client: PatientClient, nodes: Mapping[Series, ua.NodeId], newest: Mapping[Series, int], overlap_us: int
    ) -> None:
        """History first, then what the subscription brought meanwhile; windows close in source order that way."""
        unfilled: set[Series] = set()
        garbled: dict[Series, str] = {}
        try:
            unreadable: dict[Series, str] = {}
            shown = await shown_times(client, nodes, self._profile, unreadable)
            for series, reason in unreadable.items():
                self._leave_out(series, reason)
            nodes = {series: node for series, node in nodes.items() if series not in unreadable}
            begin = starts(nodes, newest, shown, overlap_us)
            async for page in read_history(
                client, nodes, begin, self._profile, self._decoder.sample, unfilled, garbled
            ):
                self._queue.append(page)
                self._grow(page)
        except ua.UaStatusCodeError as error:
            _log.warning("device has no history", action="history", device=self._where, code=str(error))
            unfilled = set(nodes)
        if garbled:
            named = [".".join(series) for series in list(garbled)[:_NAMED]]
            reason = next(iter(garbled.values()))
            _log.error("history cannot be decoded, its time stays a gap", action="history", device=self._where,
                       signals=len(garbled), named=named, reason=reason)  # fmt: skip
        self._tell_kinds()
        self._no_history = (self._no_history - set(nodes)) | unfilled
        self._unfilled |= frozenset(machine for machine, _ in unfilled)
        held, self._held = self._held or deque(), None
        self._queue.extend(held)
        self._news.set()

    async def _lost(self, error: Exception) -> None:
        self._failure = DeviceLostError("connection to the device is lost", received=str(error), where=self._where)
        self._room.set()
        self._news.set()

    async def read(self) -> Scan:
        """Everything that came since the last call; waits for the first."""
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            if self._client is None:
                raise DeviceLostError("not connected", where=self._where)
            self._news.clear()
            await self._news.wait()
        scan = self._next()
        self._queued -= scan.rows
        if self._queued < _MOST_QUEUED:
            self._room.set()
        return scan

    def _next(self) -> Scan:
        """What waits, in its order: a scan's samples come before its blocks."""
        samples: list[Sample] = []
        blocks: list[Block] = []
        rows = 0
        while self._queue and rows < _SCAN_SAMPLES:
            if isinstance(self._queue[0], Block):
                blocks.append(block := self._queue[0])
                rows += len(block)
            elif blocks:
                break
            else:
                samples.extend(self._queue[0])
                rows = len(samples)
            self._queue.popleft()
        unfilled, self._unfilled = self._unfilled, frozenset()
        return Scan(samples, unfilled=unfilled, blocks=blocks, left_out=self._left_out.named)

    async def sample(self, equipment_id: str, signal: str) -> Sample:
        """Read one node, past the subscription."""
        series, client = (equipment_id, signal), self._client
        if client is None:
            raise DeviceLostError("not connected", where=self._where)
        where = f"{self._where}, {equipment_id}.{signal}"
        if series not in self._nodes:
            raise DeviceRefusedError("device does not know the node", received=self._plan.addresses[series].text,
                                     where=where)  # fmt: skip
        try:
            data = await client.uaclient.session.read_attributes([self._nodes[series]], AttributeIds.Value)
        except (OSError, TimeoutError, ua.UaError) as error:
            raise DeviceLostError("device does not answer", received=str(error), where=where) from error
        return self._decoder.sample(series, data[0])

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Write one value of an allowed signal, in the type the node has."""
        series = (equipment_id, signal)
        if series not in self._writable:
            raise DeniedError("signal may not be written", received=f"{equipment_id}.{signal}", where=self._where)
        if self._client is None:
            raise DeviceLostError("not connected", where=self._where)
        if series not in self._nodes or self._plan.rules[series].element is not None:
            raise DeviceRefusedError("this cannot be written", received=f"{equipment_id}.{signal}", where=self._where)
        node = self._client.get_node(self._nodes[series])
        scaling = self._plan.rules[series].scaling
        raw = value if scaling is None else scaling.invert(value)
        try:
            kind = await node.read_data_type_as_variant_type()
            cast: Any = raw if kind in (ua.VariantType.Double, ua.VariantType.Float) else round(raw)
            if kind is ua.VariantType.Boolean:
                cast = bool(raw)
            await node.write_value(ua.DataValue(ua.Variant(cast, kind)))
        except ua.UaStatusCodeError as error:
            raise DeviceRefusedError("device refuses the write", received=str(error), where=self._where) from error
        except (OSError, TimeoutError, ua.UaError) as error:
            raise DeviceLostError("device does not answer", received=str(error), where=self._where) from error

    async def close(self) -> None:
        """End the session; a server that is gone is let go."""
        task, self._catching_up = self._catching_up, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            client.connection_lost_callback = None
            with contextlib.suppress(OSError, TimeoutError, ua.UaError, asyncio.CancelledError):
                await asyncio.wait_for(client.disconnect(), self._profile.probe_interval_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
