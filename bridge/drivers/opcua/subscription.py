"""One subscription and its monitored items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from bridge.driver import Series
from bridge.drivers.opcua.profiles import OpcuaProfile
from bridge.drivers.opcua.resolve import Refused, pieces
from core.contracts.device import Deadband

_SHORTEST_PUBLISHING_MS = 50.0


class Subscription:
    """Watches nodes; every publish response goes to `published`."""

    def __init__(
        self,
        client: Client,
        profile: OpcuaProfile,
        handles: Mapping[Series, int],
        deadbands: Mapping[Series, Deadband],
    ) -> None:
        self._session = client.uaclient.session
        self._profile, self._handles, self._deadbands = profile, handles, deadbands
        self._id = 0
        self._publishing_ms = profile.publishing_interval_ms

    async def create(self, published: Callable[[ua.PublishResult], Awaitable[None]]) -> None:
        """Make the subscription on the server, with nothing in it."""
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval = self._publishing_ms
        params.RequestedLifetimeCount = self._profile.lifetime_count
        params.RequestedMaxKeepAliveCount = self._profile.keepalive_count
        params.MaxNotificationsPerPublish = 0
        params.PublishingEnabled = True
        made = await self._session.create_subscription(params, published)
        self._id, self._publishing_ms = made.SubscriptionId, made.RevisedPublishingInterval

    async def watch(self, nodes: Mapping[Series, ua.NodeId]) -> dict[Series, Refused]:
        """Add nodes.

        Returns:
            Those that the server refuses.
        """
        refused: dict[Series, Refused] = {}
        made: list[ua.MonitoredItemCreateResult] = []
        for some in pieces(list(nodes.items()), self._profile.max_items_per_call):
            call = ua.CreateMonitoredItemsParameters()
            call.SubscriptionId = self._id
            call.TimestampsToReturn = ua.TimestampsToReturn.Both
            call.ItemsToCreate = [self._item(series, node) for series, node in some]
            results = await self._session.create_monitored_items(call)
            for (series, _), result in zip(some, results, strict=True):
                if result.StatusCode.is_bad():
                    refused[series] = Refused(int(result.StatusCode.value), result.StatusCode.name)
                else:
                    made.append(result)
        await self._publish_before_overflow(made)
        return refused

    def _item(self, series: Series, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        wishes = ua.MonitoringParameters()
        wishes.ClientHandle = self._handles[series]
        wishes.SamplingInterval = self._profile.sampling_interval_ms
        wishes.QueueSize = self._profile.queue_size()
        wishes.DiscardOldest = True
        if self._profile.filters:
            wishes.Filter = _filter(self._deadbands.get(series))
        request = ua.MonitoredItemCreateRequest()
        request.ItemToMonitor.NodeId = node
        request.ItemToMonitor.AttributeId = AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        request.RequestedParameters = wishes
        return request

    async def _publish_before_overflow(self, made: Iterable[ua.MonitoredItemCreateResult]) -> None:
        """Ask for shorter publishing if a queue that the server cut would run over between two publishes."""
        wanted = publishing_interval(self._publishing_ms, made)
        if wanted >= self._publishing_ms:
            return
        params = ua.ModifySubscriptionParameters()
        params.SubscriptionId = self._id
        params.RequestedPublishingInterval = wanted
        params.RequestedLifetimeCount = self._profile.lifetime_count
        params.RequestedMaxKeepAliveCount = self._profile.keepalive_count
        params.MaxNotificationsPerPublish = 0
        revised = await self._session.update_subscription(params)
        self._publishing_ms = revised.RevisedPublishingInterval


def publishing_interval(asked_ms: float, made: Iterable[ua.MonitoredItemCreateResult]) -> float:
    """Longest publishing interval, up to the one asked for, in which no queue that the server granted runs over."""
    full = [one.RevisedQueueSize * one.RevisedSamplingInterval for one in made if one.RevisedSamplingInterval > 0]
    return min([asked_ms, *(max(one, _SHORTEST_PUBLISHING_MS) for one in full)])


def _filter(deadband: Deadband | None) -> ua.DataChangeFilter:
    """Every value with its time and status; a deadband only where the site file asks for it."""
    trigger = ua.DataChangeFilter()
    trigger.Trigger = ua.DataChangeTrigger.StatusValueTimestamp
    trigger.DeadbandType = ua.DeadbandType.None_
    if deadband is not None and deadband.absolute is not None:
        trigger.DeadbandType, trigger.DeadbandValue = ua.DeadbandType.Absolute, deadband.absolute
    elif deadband is not None and deadband.percent is not None:
        trigger.DeadbandType, trigger.DeadbandValue = ua.DeadbandType.Percent, deadband.percent
    return trigger
