"""OPC UA: subscribes to every signal, and reads from the server's history what passed while nobody was connected."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from bridge.driver import DeviceLostError, DeviceRefusedError, Scan, Series
from bridge.drivers.opcua.address import NodeAddress, parse_address
from bridge.drivers.opcua.decode import overflowed, sample_of, without_overflow
from bridge.drivers.opcua.history import read_history
from bridge.drivers.opcua.profiles import STANDARD, OpcuaProfile
from core.contracts.addresses import opcua_node_id
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError
from core.log import get_logger

_MOST_QUEUED = 50_000
_SCAN_SAMPLES = 10_000
_log = get_logger("bridge")


class OpcuaDriver:
    """Driver of one OPC UA endpoint."""

    clocked = False

    def __init__(
        self,
        endpoint: str,
        addresses: Mapping[Series, NodeAddress],
        profile: OpcuaProfile = STANDARD,
        writable: Collection[Series] = (),
    ) -> None:
        self._endpoint, self._profile = endpoint, profile
        self._where = endpoint.replace(f"{urlsplit(endpoint).netloc.rpartition('@')[0]}@", "")
        self._nodes = {series: ua.NodeId.from_string(address.text) for series, address in addresses.items()}
        self._by_handle = dict(enumerate(addresses, start=1))
        self._writable = frozenset(writable)
        self._client: Client | None = None
        self._queue: deque[list[Sample]] = deque()
        self._queued = 0
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._held: deque[list[Sample]] | None = None
        self._unfilled: frozenset[str] = frozenset()
        self._no_history: set[Series] = set()
        self._failure: DeviceLostError | None = None
        self._catching_up: asyncio.Task[None] | None = None
        # The library logs every lost connection with its traceback; the runner says it once, in one line.
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)

    @classmethod
    def of_site(cls, site: SiteFile) -> Self:
        """The driver of a site file.

        Raises:
            InputError: endpoint or an address is missing or malformed.
        """
        parts = urlsplit(site.endpoint or "")
        if parts.scheme != "opc.tcp" or not parts.hostname:
            raise InputError(
                "endpoint cannot be read",
                expected="opc.tcp://HOST:PORT[/PATH]",
                received=site.endpoint,
                where=site.site,
            )
        addresses: dict[Series, NodeAddress] = {}
        for unit in site.units():
            for signal in unit.signals:
                where = f"{site.site}, {unit.id}.{signal.name}"
                if signal.address is None and site.recording is None:
                    raise InputError(
                        "signal has no address",
                        expected="an `address`, or a `recording` to derive it from",
                        where=where,
                        next_step="add `address` in the site file",
                    )
                text = signal.address or opcua_node_id(unit.id, signal.name)
                addresses[unit.id, signal.name] = parse_address(text, where=where)
        return cls(site.endpoint or "", addresses)

    async def connect(self, newest: Mapping[Series, int]) -> None:
        """Connect, subscribe, and begin to fill the gap from history; live values wait behind it."""
        await self.close()
        self._queue.clear()
        self._queued, self._failure, self._held, self._unfilled = 0, None, deque(), frozenset()
        self._room.set()
        client = Client(self._endpoint, self._profile.request_timeout_s, self._profile.probe_interval_s)
        client.session_timeout = self._profile.session_timeout_ms
        client.connection_lost_callback = self._lost
        try:
            await client.connect()
            self._client = client
            await self._subscribe(client)
        except (OSError, TimeoutError, ua.UaError) as error:
            await self.close()
            raise DeviceLostError(
                "device cannot be reached", received=str(error) or type(error).__name__, where=self._where
            ) from error
        self._catching_up = asyncio.create_task(self._catch_up(client, dict(newest)))

    async def _subscribe(self, client: Client) -> None:
        profile = self._profile
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = profile.publishing_interval_ms
        params.RequestedLifetimeCount = profile.lifetime_count
        params.RequestedMaxKeepAliveCount = profile.keepalive_count
        params.MaxNotificationsPerPublish = 0
        params.PublishingEnabled = True
        subscription = await client.uaclient.session.create_subscription(params, self._published)
        requests = [self._item(handle, series) for handle, series in self._by_handle.items()]
        for first in range(0, len(requests), profile.max_items_per_call):
            some = requests[first : first + profile.max_items_per_call]
            call = ua.CreateMonitoredItemsParameters()
            call.SubscriptionId = subscription.SubscriptionId
            call.TimestampsToReturn = ua.TimestampsToReturn.Both
            call.ItemsToCreate = some
            results = await client.uaclient.session.create_monitored_items(call)
            self._tell_refused(some, results)

    def _item(self, handle: int, series: Series) -> ua.MonitoredItemCreateRequest:
        """An item that reports every value with its time and status; the server's deadband stays off."""
        trigger = ua.DataChangeFilter()
        trigger.Trigger = ua.DataChangeTrigger.StatusValueTimestamp
        trigger.DeadbandType = ua.DeadbandType.None_
        wishes = ua.MonitoringParameters()
        wishes.ClientHandle = handle
        wishes.SamplingInterval = 0.0
        wishes.QueueSize = self._profile.queue_size
        wishes.DiscardOldest = True
        wishes.Filter = trigger
        request = ua.MonitoredItemCreateRequest()
        request.ItemToMonitor.NodeId = self._nodes[series]
        request.ItemToMonitor.AttributeId = AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        request.RequestedParameters = wishes
        return request

    def _tell_refused(
        self, requests: Iterable[ua.MonitoredItemCreateRequest], results: Iterable[ua.MonitoredItemCreateResult]
    ) -> None:
        refused = [
            (request.ItemToMonitor.NodeId.to_string(), result.StatusCode.name)
            for request, result in zip(requests, results, strict=True)
            if result.StatusCode.is_bad()
        ]
        if refused:
            _log.error(
                "device does not know a node",
                action="subscribe",
                device=self._where,
                nodes=len(refused),
                first=refused[0],
            )

    async def _published(self, result: ua.PublishResult) -> None:
        """Take one publish response; while the queue is full the server's queues hold the rest."""
        await self._room.wait()
        samples: list[Sample] = []
        for notification in result.NotificationMessage.NotificationData or []:
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    series = self._by_handle.get(item.ClientHandle)
                    if series is None:
                        continue
                    sample = sample_of(series, item.Value)
                    if overflowed(sample.quality):
                        if series not in self._no_history:
                            # The server's history has all of it, this notification included.
                            await self._lost(ConnectionError("the server's queue ran over"))
                            return
                        self._unfilled |= {series[0]}
                        sample = sample._replace(quality=without_overflow(sample.quality))
                    samples.append(sample)
            elif isinstance(notification, ua.StatusChangeNotification):
                await self._lost(ConnectionError(f"subscription ended: {notification.Status.name}"))
        if samples:
            (self._queue if self._held is None else self._held).append(samples)
            self._grow(samples)

    def _grow(self, samples: list[Sample]) -> None:
        self._queued += len(samples)
        # What waits behind the history must not stop the history.
        if self._queued >= _MOST_QUEUED and self._held is None:
            self._room.clear()
        self._news.set()

    async def _catch_up(self, client: Client, newest: dict[Series, int]) -> None:
        """History first, then what the subscription brought meanwhile; windows close in source order that way."""
        unfilled: set[Series] = set()
        self._no_history = set()
        try:
            async for page in read_history(client, self._nodes, newest, self._profile, unfilled):
                self._queue.append(page)
                self._grow(page)
        except ua.UaStatusCodeError as error:
            _log.warning("device has no history", action="history", device=self._where, code=str(error))
            unfilled = set(self._nodes)
        except (OSError, TimeoutError, ua.UaError) as error:
            await self._lost(error)
            return
        self._no_history = unfilled
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
        samples: list[Sample] = []
        while self._queue and len(samples) < _SCAN_SAMPLES:
            samples.extend(self._queue.popleft())
        self._queued -= len(samples)
        if self._queued < _MOST_QUEUED:
            self._room.set()
        unfilled, self._unfilled = self._unfilled, frozenset()
        return Scan(samples, unfilled=unfilled)

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Write one value of an allowed signal, in the type the node has."""
        series = (equipment_id, signal)
        if series not in self._writable:
            raise DeniedError("signal may not be written", received=f"{equipment_id}.{signal}", where=self._where)
        if self._client is None:
            raise DeviceLostError("not connected", where=self._where)
        node = self._client.get_node(self._nodes[series])
        try:
            kind = await node.read_data_type_as_variant_type()
            cast: Any = value if kind in (ua.VariantType.Double, ua.VariantType.Float) else int(value)
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
